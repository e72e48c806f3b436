// Downloads: a stream goes to a file as it comes where the browser lets a page write files, else through a Blob.

/** Asks for a place and writes the stream there. Answers false when the person thought better of it. */
export async function saveStream(name, stream, signal) {
  if (globalThis.showSaveFilePicker && !navigator.webdriver) {
    let handle;
    try {
      handle = await showSaveFilePicker({ suggestedName: name });
    } catch (error) {
      if (error.name === "AbortError") return false;
      return viaBlob(name, stream);
    }
    await stream.pipeTo(await handle.createWritable(), { signal });
    return true;
  }
  return viaBlob(name, stream);
}

async function viaBlob(name, stream) {
  const blob = await new Response(stream).blob();
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  // The download has its own hold on the bytes once it has begun.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return true;
}
