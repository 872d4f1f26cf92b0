import type { IRenderMime, IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import evaluation from '../../../governed_kernel/widgets/evaluation.js';
import lineage from '../../../governed_kernel/widgets/lineage.js';
import { label } from '../labels';

/** What `governed_kernel.widgets` puts into an output, beside a still. */
const VIEW_TYPE = 'application/vnd.governed-notebooks.view+json';

/** The programs that the kernel's package carries for anywidget, so that both show the same. */
const PROGRAMS: Record<string, typeof lineage> = { evaluation, lineage };

interface IView {
  view: string;
  facts: unknown;
}

/** A view of `governed_kernel.widgets`: live from what the notebook holds, without a kernel. */
class View extends Widget implements IRenderMime.IRenderer {
  constructor(private _trans: TranslationBundle) {
    super();
    this.addClass('gn-Output');
  }

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const { view, facts } = model.data[VIEW_TYPE] as unknown as IView;
    this.node.replaceChildren();
    try {
      PROGRAMS[view].render({
        model: { get: () => facts },
        el: this.node,
        trans: {
          __: this._trans.__.bind(this._trans),
          label: word => label(word, this._trans)
        }
      });
    } catch {
      // a newer package's, or not made by it at all: anybody can write into a notebook
      this.node.textContent = this._trans.__(
        'This view can’t be shown; run its cell again.'
      );
    }
    return Promise.resolve();
  }
}

/** Before the still, which every other reader of the notebook shows. */
export function addViews(
  rendermime: IRenderMimeRegistry | null,
  trans: TranslationBundle
): void {
  rendermime?.addFactory(
    {
      safe: true, // all of it is written as text
      mimeTypes: [VIEW_TYPE],
      createRenderer: () => new View(trans)
    },
    -20
  );
}
