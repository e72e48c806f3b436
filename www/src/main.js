// The page: starts everything, opens what is asked for, and puts the welcome or the workbench on the screen.
import "./styles/index.css";
import { readAddress, writeAddress } from "./address.js";
import { DEMO_POINTS, generate } from "./demo.js";
import { button, h, icon, put } from "./dom.js";
import { openMemory, openSaved } from "./engine.js";
import * as format from "./format.js";
import { startOffline } from "./offline.js";
import { droppedFiles, openAt, openChosen, openUrl } from "./opening.js";
import { sentence } from "./sentences.js";
import { startTheme, toggleTheme } from "./theme.js";
import { Verify } from "./views/verify.js";
import { Welcome } from "./views/welcome.js";
import { Workbench } from "./workbench.js";

const KINDS = { demo: "generated", saved: "kept in this browser", file: "file, read only", folder: "folder, read only", backup: "backup, read only", url: "fetched, read only", imported: "imported, in memory" };

const app = document.querySelector("#app");
const source = h("p", { class: "source" });
const closing = button({ text: "Open another", icon: "open", kind: "ghost", hidden: true, onclick: () => close() });
const veil = h("div", { class: "veil", hidden: true }, h("p", {}, "Drop to open"));
const welcome = new Welcome({ demo: () => open("generated data", openDemo), files: openFilesOf, url: (text) => open(text, (tell) => openUrl(text, tell)), saved: (name) => open(name, () => openSavedAs(name)) });
let workbench = null, opened = null, isOpening = false;

async function openDemo(tell) {
  const db = await openMemory();
  await generate(db, (done) => tell(`Generating ${format.count(done)} of ${format.count(DEMO_POINTS)} points`, done, DEMO_POINTS));
  return { db, kind: "demo", title: "Generated data", metric: "power_kw" };
}

async function openSavedAs(name) {
  return { db: await openSaved(name), kind: "saved", title: name };
}

function openFilesOf(files) {
  if (files.length > 0) return open(files.length === 1 ? files[0].name : `${files.length} files`, (tell) => openChosen(files, tell), files);
}

/** Opens by `how(tell)`; on failure the welcome says why, and files that are damaged can be verified there. */
async function open(name, how, files) {
  if (isOpening) return;
  isOpening = true;
  await close();
  welcome.progress(`Opening ${name}`);
  try {
    await use(await how((...told) => welcome.progress(...told)));
  } catch (error) {
    const told = sentence(error, `${name} could not be opened`);
    const canVerify = files && error?.kind === "Damaged";
    welcome.trouble(told, canVerify && { text: "Verify it", onclick: () => verifyBelow(files, name) });
  } finally {
    isOpening = false;
  }
}

function verifyBelow(files, name) {
  const view = new Verify(() => files, name);
  welcome.showBelow(view.element);
  view.run();
}

async function use(next, look = {}) {
  opened = next;
  workbench = new Workbench(next, { onLook: remember, onSaved: switchTo, onMoment: goTo });
  document.body.classList.add("has-source");
  put(source, h("strong", {}, next.title), h("span", {}, next.kind === "saved" && next.db.readOnly ? "kept here, open for writing in another tab" : next.at === undefined ? KINDS[next.kind] : `as of ${format.moment(Number(next.at / 1_000_000n))} UTC`));
  put(app, workbench.element);
  closing.hidden = false;
  document.title = `${next.title} · Chronicle`;
  const address = readAddress();
  const isSame = (next.kind === "demo" && address.demo) || (next.kind === "saved" && address.saved === next.title) || (next.url && address.url === next.url);
  await workbench.refresh({ metric: next.metric, ...look, ...(isSame ? given(address) : {}) });
}

/** What an address says of where one looks, without what it leaves out. */
const given = ({ view, metric, from, to }) => Object.fromEntries(Object.entries({ view, metric, from, to }).filter(([, value]) => value !== null && value !== undefined));

/** Opens the same backup at another moment, in ns, at the same view; what is open stays open when that fails. */
async function goTo(at) {
  const before = workbench, next = await openAt(opened, at);
  if (workbench !== before) return void next.db.close();
  await use(next, before.look);
  await before.close();
  workbench?.focusView();
}

/** After saving, the copy takes the place of what it was made from, at the same view. */
async function switchTo(name, db) {
  const before = workbench, look = workbench.look;
  setTimeout(async () => {
    await use({ db, kind: "saved", title: name }, look);
    await before.close();
    welcome.refresh();
  }, 1200);
}

function remember(look) {
  if (!opened || !workbench) return;
  writeAddress({ demo: opened.kind === "demo", saved: opened.kind === "saved" && opened.title, url: opened.url, ...look });
}

async function close() {
  const before = workbench;
  workbench = opened = null;
  document.body.classList.remove("has-source");
  put(source);
  put(app, welcome.element);
  closing.hidden = true;
  document.title = "Chronicle";
  welcome.progress(null);
  welcome.refresh();
  if (before) {
    writeAddress({});
    await before.close();
  }
}

function startDropping() {
  let depth = 0;
  const isFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (isFiles(event)) (depth++, (veil.hidden = false)); });
  addEventListener("dragleave", (event) => { if (isFiles(event) && --depth <= 0) (depth = 0, (veil.hidden = true)); });
  addEventListener("dragover", (event) => { if (isFiles(event)) event.preventDefault(); });
  addEventListener("drop", async (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    [depth, veil.hidden] = [0, true];
    openFilesOf(await droppedFiles(event.dataTransfer));
  });
}

/** What nobody caught still gets a sentence: the page never just stops. */
function startCatching() {
  const told = (error) => {
    const words = sentence(error, "Something went wrong in this page");
    if (!words) return;
    const notice = h("div", { class: "notice is-wrong", role: "alert" }, icon("alert"), h("span", {}, `${words.title}: ${words.text}`), button({ label: "Dismiss", icon: "close", kind: "ghost", onclick: () => notice.remove() }));
    document.querySelector(".notices").append(notice);
  };
  addEventListener("unhandledrejection", (event) => told(event.reason));
  addEventListener("error", (event) => { if (event.error) told(event.error); });
}

function start() {
  const theme = button({ label: "Dark or light", icon: "moon", kind: "ghost", onclick: () => { toggleTheme(); workbench?.refreshColors(); } });
  document.body.prepend(
    h("a", { class: "skip", href: "#main", onclick: (event) => { event.preventDefault(); const main = document.querySelector("#main"); main.tabIndex = -1; main.focus(); } }, "Skip to content"),
    h("header", { class: "top" }, h("a", { class: "brand", href: location.pathname, onclick: (event) => { event.preventDefault(); close(); } }, h("span", { class: "mark", "aria-hidden": "true" }), "Chronicle"), source, h("div", { class: "top-tools" }, closing, theme)),
    h("div", { class: "notices" }));
  document.body.append(veil);
  startTheme(() => workbench?.refreshColors());
  startCatching();
  startDropping();
  startOffline();
  put(app, welcome.element);
  const { demo, saved, url } = readAddress();
  if (saved) open(saved, () => openSavedAs(saved));
  else if (demo) open("generated data", openDemo);
  else if (url) open(url, (tell) => openUrl(url, tell));
}

start();
