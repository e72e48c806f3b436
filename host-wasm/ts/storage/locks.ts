import { ChronicleError } from "../errors.js";

const prefix = (name: string) => `chronicle:${name}`;

/** Lets go of what was held. */
export type Release = () => void;

function hold(name: string, mode: LockMode): Promise<Release | null> {
  return new Promise((resolve, reject) => {
    const asked = navigator.locks.request(name, { mode, ifAvailable: true }, (lock) => {
      if (!lock) return void resolve(null);
      return new Promise<void>((release) => resolve(release));
    });
    asked.catch(reject);
  });
}

/** One writer per name across all tabs and workers of this origin; gone when its tab or worker is. */
export async function lockWriter(name: string): Promise<Release> {
  if (!globalThis.navigator?.locks) {
    throw new ChronicleError("Unsupported", "this place has no Web Locks, so nothing keeps a second tab from writing the same database; open it in memory or readOnly");
  }
  const release = await hold(`${prefix(name)}:writer`, "exclusive");
  if (release) return release;
  throw new ChronicleError("Busy", `the database "${name}" is open for writing in another tab or worker: close it there, or open it with { readOnly: true } to read beside it`);
}

/** Keeps a writer in another tab from reusing what this generation names. */
export async function pinGeneration(name: string, generation: string): Promise<Release> {
  if (!globalThis.navigator?.locks) return () => {};
  return (await hold(`${prefix(name)}:pin:${generation}`, "shared")) ?? (() => {});
}

/** The generations that are pinned. */
export async function pinned(name: string): Promise<bigint[]> {
  const locks = await globalThis.navigator?.locks?.query();
  const start = `${prefix(name)}:pin:`;
  return (locks?.held ?? []).flatMap(({ name }) => (name?.startsWith(start) ? [BigInt(name.slice(start.length))] : []));
}
