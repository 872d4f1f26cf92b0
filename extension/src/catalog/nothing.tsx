import * as React from 'react';

import { Empty, useGoverned } from '../parts';

/** An empty catalog, and how something comes into it. */
export function NothingRegistered(): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <Empty title={trans.__('Nothing is registered yet')}>
      <p>
        {trans.__(
          'Choose a file in the file browser, and “Register in the Catalog…” in its menu.'
        )}
      </p>
    </Empty>
  );
}
