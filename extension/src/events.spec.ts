import { EventReader } from './events';

describe('EventReader', () => {
  it('gives an event once it is complete, wherever the chunks end', () => {
    const reader = new EventReader();
    expect(reader.read('event: step\nda')).toEqual([]);
    expect(reader.read('ta: {"step": "one"}\n')).toEqual([]);
    expect(reader.read('\nevent: done\ndata: 3\n\n')).toEqual([
      { name: 'step', data: { step: 'one' } },
      { name: 'done', data: 3 }
    ]);
  });

  it('passes over comments that only keep the connection alive', () => {
    expect(new EventReader().read(': still here\n\n')).toEqual([]);
  });
});
