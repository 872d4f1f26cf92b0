import * as React from 'react';

import { useGoverned } from '../parts';
import { Stage } from '../parts/page';
import { Table } from '../parts/table';
import type { ICalibrationBin } from '../records';
import { figure } from '../words';

const SIDE = 220;
const MARGIN = 30;
const TOP = 16;

/** How often predictions are right against how sure the model is; the line is where both agree. */
export function Calibration(props: {
  bins: ICalibrationBin[];
  error: number | null;
}): React.ReactElement {
  const { trans } = useGoverned();
  const bins = props.bins.filter(bin => bin.records > 0);
  return (
    <Stage title={trans.__('Calibration')}>
      {props.error !== null && (
        <p>{trans.__('Expected calibration error %1', figure(props.error))}</p>
      )}
      <Diagram bins={bins} />
      <details>
        <summary>{trans.__('As a table')}</summary>
        <Table
          label={trans.__('Calibration')}
          rows={bins}
          keyOf={bin => String(bin.lower)}
          columns={[
            {
              title: trans.__('Confidence'),
              cell: bin => figure(bin.confidence),
              isNumber: true
            },
            {
              title: trans.__('Right'),
              cell: bin => figure(bin.accuracy),
              isNumber: true
            },
            {
              title: trans.__('Records'),
              cell: bin => bin.records,
              isNumber: true
            }
          ]}
        />
      </details>
    </Stage>
  );
}

function Diagram(props: { bins: ICalibrationBin[] }): React.ReactElement {
  const { trans } = useGoverned();
  const x = (value: number): number => MARGIN + value * SIDE;
  const y = (value: number): number => TOP + (1 - value) * SIDE;
  const most = Math.max(...props.bins.map(bin => bin.records), 1);
  return (
    <svg
      className="gn-Calibration"
      role="img"
      aria-label={trans.__('Share that is right by confidence')}
      viewBox={`0 0 ${SIDE + MARGIN + TOP} ${SIDE + MARGIN + TOP}`}
    >
      <path
        className="gn-Calibration-axis"
        d={`M${x(0)} ${y(1)}V${y(0)}H${x(1)}`}
      />
      <path
        className="gn-Calibration-ideal"
        d={`M${x(0)} ${y(0)}L${x(1)} ${y(1)}`}
      />
      {[0, 0.5, 1].map(value => (
        <React.Fragment key={value}>
          <text x={x(value)} y={y(0) + 13} textAnchor="middle">
            {value}
          </text>
          <text x={x(0) - 5} y={y(value) + 4} textAnchor="end">
            {value}
          </text>
        </React.Fragment>
      ))}
      {props.bins.map(bin => (
        <circle
          key={bin.lower}
          className="gn-Calibration-bin"
          cx={x(bin.confidence)}
          cy={y(bin.accuracy)}
          r={4 + 8 * Math.sqrt(bin.records / most)}
        >
          <title>
            {trans.__(
              '%1 records, confidence %2, right %3',
              bin.records,
              figure(bin.confidence),
              figure(bin.accuracy)
            )}
          </title>
        </circle>
      ))}
      <text x={x(0.5)} y={y(0) + 27} textAnchor="middle">
        {trans.__('confidence')}
      </text>
    </svg>
  );
}
