/** The workspace and its people. */

export interface IPerson {
  name: string;
  printed_name: string;
  roles: string[];
  can_sign_here: boolean;
}

export interface IDataClass {
  description: string;
  purposes: string[];
}

export interface IWorkspace {
  name: string;
  root: string;
  path: string;
  classes: Record<string, IDataClass>;
  environments: string[];
  governed: boolean;
  people: IPerson[];
}

export interface IStatus {
  version: string;
  person: string;
  /** Whether the person is who signed in to the server, so nobody else can be chosen. */
  signed_in: boolean;
  workspace: IWorkspace | null;
}

/** A page of a list. */
export interface IPage<Row> {
  /** How many fit the question, on this page and others. */
  total: number;
  /** How many there are, whatever was asked for. */
  all: number;
  /** How many of all there are of each state. */
  counts: Record<string, number>;
  rows: Row[];
}
