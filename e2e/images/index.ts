// Images for tests and the demo, built on this machine.
export { pauseImage } from './pause.ts';
export { nodeBuildImage, nodeImage } from './node.ts';
export { standInImage, standInOverlay, type StandInOverlay } from './stand-in.ts';
export type { Image } from './build-image.ts';
