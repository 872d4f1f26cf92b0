import * as React from 'react';

import { Digest, useGoverned } from '../parts';
import { Table } from '../parts/table';
import { bytes } from '../words';
import { label } from '../labels';

/** What a run left. */
export function Artifacts(props: {
  artifacts: { name: string; kind: string; bytes: number; sha256: string }[];
}): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <Table
      label={trans.__('Artifacts')}
      rows={props.artifacts}
      keyOf={item => item.name}
      columns={[
        { title: trans.__('File'), cell: item => item.name, isHead: true },
        { title: trans.__('Kind'), cell: item => label(item.kind, trans) },
        {
          title: trans.__('Size'),
          cell: item => bytes(item.bytes),
          isNumber: true
        },
        {
          title: trans.__('SHA-256'),
          cell: item => <Digest value={item.sha256} />
        }
      ]}
    />
  );
}
