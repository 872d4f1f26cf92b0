import * as React from 'react';

import { Digest, useGoverned } from '../parts';
import { useAnswer } from '../parts/asking';
import { Answered, Stage } from '../parts/page';
import { Table } from '../parts/table';
import type { IRunComparison } from '../records';

type Row = IRunComparison['rows'][number];

/** Two runs side by side: parameters, metrics and all else, or only what differs. */
export function Compared(props: {
  first: string;
  second: string;
}): React.ReactElement {
  const { trans, client, place } = useGoverned();
  const { first, second } = props;
  const [isShort, setShort] = React.useState(true);
  const answer = useAnswer(
    () =>
      client.get<IRunComparison>('runs/comparison', {
        path: place,
        first,
        second
      }),
    [place, first, second]
  );
  return (
    <Stage title={trans.__('Comparison')}>
      <label>
        <input
          type="checkbox"
          checked={isShort}
          onChange={event => setShort(event.target.checked)}
        />{' '}
        {trans.__('only differences')}
      </label>
      <Answered answer={answer}>
        {found => (
          <Rows
            found={found}
            rows={found.rows.filter(
              row => !isShort || row.first !== row.second
            )}
          />
        )}
      </Answered>
    </Stage>
  );
}

function Rows(props: {
  found: IRunComparison;
  rows: Row[];
}): React.ReactElement {
  const { trans } = useGoverned();
  const { found, rows } = props;
  const titles: Record<Row['section'], string> = {
    run: trans.__('Run'),
    parameters: trans.__('Parameters'),
    metrics: trans.__('Metrics'),
    artifacts: trans.__('Artifacts'),
    environment: trans.__('Environment')
  };
  if (!rows.length) {
    return <p role="status">{trans.__('Nothing differs.')}</p>;
  }
  return (
    <Table
      label={trans.__('Comparison')}
      rows={rows}
      keyOf={row => `${row.section} ${row.name}`}
      classOf={row => (row.first !== row.second ? 'gn-mod-differs' : '')}
      groupOf={row => row.section}
      groupTitle={section => titles[section as Row['section']]}
      columns={[
        { title: trans.__('What'), cell: row => row.name, isHead: true },
        { title: found.first, cell: row => shown(row.first), isNumber: true },
        { title: found.second, cell: row => shown(row.second), isNumber: true }
      ]}
    />
  );
}

function shown(value: string): React.ReactNode {
  return /^[0-9a-f]{64}$/.test(value) ? <Digest value={value} /> : value;
}
