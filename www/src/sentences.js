// Errors as sentences that help: what happened, that nothing is lost where that is so, and what to do next.

const ADVICE = {
  Damaged: "Verify lists what is damaged. Nothing was changed.",
  Unsupported: "Nothing was changed.",
  Busy: "Close the other tab, or open it here for reading.",
  OverBudget: "Ask for a shorter time or wider windows.",
};

/** What went wrong while something was done, e.g. `opening "x"`. Cancelling is no error: null. */
export function sentence(error, doing) {
  if (error?.kind === "Cancelled" || error?.name === "AbortError") return null;
  const quota = error?.kind === "Full" || error?.name === "QuotaExceededError" || /quota/i.test(error?.message ?? "");
  if (quota) {
    return { title: "This browser has no room left", text: `${told(error)}. What was saved before is unharmed. Delete a saved database below, free disk space, or download the data as a file instead.` };
  }
  const advice = ADVICE[error?.kind];
  return { title: doing, text: [`${told(error)}.`, advice].filter(Boolean).join(" ") };
}

function told(error) {
  const message = String(error?.message ?? error ?? "it is not known why").trim().replace(/[.\s]+$/, "");
  return message.charAt(0).toUpperCase() + message.slice(1);
}

/** What is wrong with an answer over HTTP. */
export function httpSentence(status, url) {
  if (status === 404 || status === 410) return `There is nothing at ${url} (status ${status}). Check the address; a backup's address is its folder and ends with a slash`;
  if (status === 401 || status === 403) return `The server does not let this page read ${url} (status ${status}). Sign in there, or make the address public or pre-signed`;
  if (status >= 500) return `The server failed (status ${status}). Try again in a moment`;
  return `The server answered with status ${status}`;
}

/** Why `fetch` itself failed; browsers do not say more than that it did. */
export function unreachable(url) {
  return navigator.onLine === false
    ? "You are offline, so nothing can be fetched. Files on this device and saved databases still open"
    : `The browser could not fetch ${url}. Either there is no such server, or it does not allow other sites to read it (it must send Access-Control-Allow-Origin)`;
}
