// Saving: keeps what is open in this browser under a name. A name that is listed holds all of it: the copy is compared by digest, and
// taken back when it differs.
import { deleteSaved, restore, savedNames } from "./engine.js";

/** Saves what is open (`db`, and where it came from) as `name`; answers the copy, open for writing. `onProgress` is told bytes. */
export async function saveAs({ db, source, at }, name, { onProgress, signal }) {
  if (!name) throw new Error("A database needs a name");
  if (/[/\\:]/.test(name)) throw new Error("A name has no slash and no colon");
  if ((await savedNames()).includes(name)) throw new Error(`There is already a database "${name}" in this browser. Choose another name`);
  const before = await db.digest();
  let saved = null;
  try {
    saved = await restore(name, source ?? await db.snapshot(undefined, signal), { at, onProgress, signal });
    const after = await saved.digest();
    if (after.digest === before.digest) return saved;
    throw new Error(`What was saved differs from what is open (${after.points} points instead of ${before.points}), so it was taken back`);
  } catch (error) {
    await saved?.close().catch(() => {});
    // These two say that another tab made or holds this name: then it is not ours to take away.
    if (!["AlreadyExists", "Busy"].includes(error.kind)) await deleteSaved(name).catch(() => {});
    throw error;
  }
}
