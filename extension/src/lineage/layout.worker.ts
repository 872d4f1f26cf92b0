import type { ILayoutRequest } from './layout';
import { laidOut } from './placing';

self.addEventListener('message', (event: MessageEvent<ILayoutRequest>) => {
  self.postMessage(laidOut(event.data));
});
