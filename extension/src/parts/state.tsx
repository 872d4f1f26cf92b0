import * as React from 'react';

import { label } from '../labels';
import { toneOf } from '../releases/states';
import { Tag, useGoverned } from './index';

/** The state of a release or a run: its word on its colour. */
export function StateTag(props: { state: string }): React.ReactElement {
  const { trans } = useGoverned();
  return <Tag tone={toneOf(props.state)}>{label(props.state, trans)}</Tag>;
}
