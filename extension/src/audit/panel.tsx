import * as React from 'react';

import type { Governed } from '../governed';
import { auditIcon } from '../icons';
import { Panel, useGoverned } from '../parts';
import { Page, titled } from '../parts/page';
import { Tabs } from '../parts/tabs';
import { Impact } from './impact';
import { Readers } from './readers';
import { Report } from './report';
import { Reruns } from './reruns';
import { Sessions } from './sessions';
import { Standing } from './standing';
import { Verify } from './verify';

/** What an auditor asks: is it whole, does it repeat, how did it stand, what came of it. */
export function auditPanel(governed: Governed, name: string): Panel {
  return titled(governed, <AuditView name={name} />, {
    id: name ? `governed-audit-${name}` : 'governed-audit',
    icon: auditIcon,
    label: name
      ? governed.trans.__('Impact of %1', name)
      : governed.trans.__('Audit')
  });
}

function AuditView(props: { name: string }): React.ReactElement {
  const { trans } = useGoverned();
  return (
    <Page title={trans.__('Audit')}>
      <Tabs
        label={trans.__('Audit')}
        first={props.name ? 'impact' : 'verify'}
        tabs={[
          { id: 'verify', title: trans.__('Verify'), body: <Verify /> },
          { id: 'rerun', title: trans.__('Re-run'), body: <Reruns /> },
          { id: 'as-of', title: trans.__('Time travel'), body: <Standing /> },
          {
            id: 'impact',
            title: trans.__('Impact'),
            body: <Impact name={props.name} />
          },
          {
            id: 'sessions',
            title: trans.__('Sessions'),
            body: <Sessions />
          },
          { id: 'readers', title: trans.__('Readers'), body: <Readers /> },
          { id: 'report', title: trans.__('Report'), body: <Report /> }
        ]}
      />
    </Page>
  );
}
