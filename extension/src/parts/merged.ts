/** nbdime's view of a text before and after; loaded when the first one is shown. */

import { EditorView } from '@codemirror/view';
import type { Widget } from '@lumino/widgets';
import { MergeView } from 'nbdime/lib/common/mergeview';
import { createEditorFactory } from 'nbdime/lib/common/editor';
import { StringDiffModel } from 'nbdime/lib/diff/model';
import { DiffRangeRaw } from 'nbdime/lib/diff/range';

import { editsOf, type IStretch } from './edits';

/** Beside each other what changed, else one text; all of it as text, nothing of it interpreted. */
export function mergeView(
  before: string | null,
  after: string | null,
  mimetype: string,
  label: string
): Widget {
  const edits = editsOf(before ?? '', after ?? '');
  const raw = (stretches: IStretch[]): DiffRangeRaw[] =>
    stretches.map(({ from, length }) => new DiffRangeRaw(from, length));
  const remote = new StringDiffModel(
    before,
    after,
    raw(edits.added),
    raw(edits.removed)
  );
  remote.mimetype = mimetype;
  const view = new MergeView({
    remote,
    // who signs reads all of it, and who has no mouse could not unfold it
    collapseIdentical: false,
    factory: createEditorFactory(),
    extensions: [
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' })
    ]
  });
  view.base.model.mimeType = mimetype;
  if (view.right) {
    view.right.remoteEditorWidget.model.mimeType = mimetype;
  }
  view.addClass('gn-Merge');
  return view;
}
