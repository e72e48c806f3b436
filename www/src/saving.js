// Saving: keeps an open database in this browser under a name. It is written anew, compared by digest, and taken back when it
// differs, so a name that is listed holds all of it.
import { deleteSaved, openSaved, savedNames } from "./engine.js";

/** Saves `db` as `name` and answers the saved database, open for writing. `onProgress` is told points. */
export async function saveAs(db, name, { onProgress, signal }) {
  if ((await savedNames()).includes(name)) throw new Error(`There is already a database "${name}" in this browser. Choose another name`);
  const saved = await openSaved(name, { create: true });
  try {
    const before = await db.digest();
    if (before.points > 0) {
      await saved.import(db.export({ format: "csv", signal }), { format: "csv", onProgress: ({ points }) => onProgress(points, before.points), signal });
      const after = await saved.digest();
      if (after.digest !== before.digest) throw new Error(`What was saved differs from what is open (${after.points} points instead of ${before.points}), so it was taken back`);
    }
    return saved;
  } catch (error) {
    await saved.close().catch(() => {});
    await deleteSaved(name).catch(() => {});
    throw error;
  }
}
