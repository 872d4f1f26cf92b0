import * as React from 'react';

import { Commands } from '../commands';
import { Button, useGoverned } from './index';

/** A name that opens what it names. */
export function Opens(props: {
  command: string;
  args: Record<string, string>;
  children: React.ReactNode;
}): React.ReactElement {
  const { app } = useGoverned();
  return (
    <Button
      kind="link"
      onClick={() => void app.commands.execute(props.command, props.args)}
    >
      {props.children}
    </Button>
  );
}

/** A release's name, which opens it. */
export function ReleaseLink(props: { release: string }): React.ReactElement {
  return (
    <Opens command={Commands.release} args={{ release: props.release }}>
      {props.release}
    </Opens>
  );
}

/** A run's name, which opens it. */
export function RunLink(props: { run: string }): React.ReactElement {
  return (
    <Opens command={Commands.run} args={{ run: props.run }}>
      {props.run}
    </Opens>
  );
}

/** The name of a dataset's version, which opens it. */
export function VersionLink(props: { name: string }): React.ReactElement {
  return (
    <Opens command={Commands.version} args={{ name: props.name }}>
      {props.name}
    </Opens>
  );
}
