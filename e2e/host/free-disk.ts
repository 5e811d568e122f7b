import { mkdir, statfs } from 'node:fs/promises';

/** Throws unless the disk of `folder` (made if missing) has `gigabytes` GB free; `purpose` completes "to …". */
export async function requireFreeDisk(folder: string, gigabytes: number, purpose: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  const freeGigabytes = (bavail * bsize) / 1e9;
  if (freeGigabytes >= gigabytes) return;
  throw new Error(
    `Only ${freeGigabytes.toFixed(1)} GB free in "${folder}", ${gigabytes} GB needed to ${purpose}; ` +
      'free some space or set CLARIVE_OPERATOR_CACHE to a folder on a larger disk',
  );
}
