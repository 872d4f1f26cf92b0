import * as React from 'react';

import { Button, useGoverned } from './index';

/** Which of many rows are shown, and the way to the others. */
export function Pager(props: {
  offset: number;
  limit: number;
  total: number;
  onMove: (offset: number) => void;
}): React.ReactElement | null {
  const { trans } = useGoverned();
  const { offset, limit, total, onMove } = props;
  if (total <= limit && offset === 0) {
    return null;
  }
  const end = Math.min(offset + limit, total);
  return (
    <nav className="gn-Actions" aria-label={trans.__('Pages')}>
      <Button
        disabledBecause={offset > 0 ? '' : trans.__('This is the first page')}
        onClick={() => onMove(Math.max(0, offset - limit))}
      >
        {trans.__('Back')}
      </Button>
      <span role="status">
        {trans.__('%1 to %2 of %3', offset + 1, end, total)}
      </span>
      <Button
        disabledBecause={end < total ? '' : trans.__('This is the last page')}
        onClick={() => onMove(offset + limit)}
      >
        {trans.__('Next')}
      </Button>
    </nav>
  );
}
