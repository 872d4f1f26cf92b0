/** One server-sent event. */
export interface IServerEvent {
  name: string;
  data: unknown;
}

/**
 * Takes text as it arrives and gives the events that are complete.
 *
 * A chunk of the stream may end anywhere, in the middle of a line too.
 */
export class EventReader {
  /** Add some text; returns the events that it completed. */
  read(text: string): IServerEvent[] {
    this._rest += text;
    const parts = this._rest.split('\n\n');
    this._rest = parts.pop() ?? '';
    return parts.map(part => this._event(part)).filter(event => event !== null);
  }

  private _event(part: string): IServerEvent | null {
    let name = 'message';
    const data: string[] = [];
    for (const line of part.split('\n')) {
      if (line.startsWith('event: ')) {
        name = line.slice('event: '.length);
      } else if (line.startsWith('data: ')) {
        data.push(line.slice('data: '.length));
      }
    }
    return data.length ? { name, data: JSON.parse(data.join('\n')) } : null;
  }

  private _rest = '';
}
