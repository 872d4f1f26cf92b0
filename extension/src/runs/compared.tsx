import * as React from 'react';

import { useGoverned } from '../parts';
import type { IRun } from '../records';

/** Two runs side by side: parameters and outcome, all of them or only what differs. */
export function Compared(props: {
  first: IRun;
  second: IRun;
}): React.ReactElement {
  const { trans } = useGoverned();
  const { first, second } = props;
  const [isShort, setShort] = React.useState(true);
  const names = [
    ...new Set([
      ...Object.keys(first.parameters),
      ...Object.keys(second.parameters)
    ])
  ];
  const rows: [string, string, string][] = [
    [trans.__('release'), first.release, second.release],
    [trans.__('state'), first.state, second.state],
    [trans.__('validated'), String(first.validated), String(second.validated)],
    [trans.__('seconds'), String(first.seconds), String(second.seconds)],
    ...names.map((name): [string, string, string] => [
      name,
      String(first.parameters[name]),
      String(second.parameters[name])
    ])
  ];
  return (
    <section className="gn-Stage" aria-label={trans.__('Comparison')}>
      <h2>{trans.__('Comparison')}</h2>
      <label>
        <input
          type="checkbox"
          checked={isShort}
          onChange={event => setShort(event.target.checked)}
        />{' '}
        {trans.__('only differences')}
      </label>
      <table className="gn-Table">
        <thead>
          <tr>
            <td />
            <th scope="col">{first.run}</th>
            <th scope="col">{second.run}</th>
          </tr>
        </thead>
        <tbody>
          {rows
            .filter(([, one, other]) => !isShort || one !== other)
            .map(([name, one, other]) => (
              <tr key={name} className={one !== other ? 'gn-mod-differs' : ''}>
                <th scope="row">{name}</th>
                <td className="gn-mod-number">{one}</td>
                <td className="gn-mod-number">{other}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </section>
  );
}
