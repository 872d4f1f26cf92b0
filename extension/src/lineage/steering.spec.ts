import { first, towards } from './steering';

const PLACES = new Map([
  ['middle', { x: 0, y: 0 }],
  ['right', { x: 100, y: 10 }],
  ['far right', { x: 300, y: 0 }],
  ['below', { x: 5, y: 60 }],
  ['left', { x: -100, y: -20 }]
]);

describe('towards', () => {
  it('leads to the nearest thing that way', () => {
    const from = (arrow: string): string => towards(PLACES, 'middle', arrow);
    expect(from('ArrowRight')).toBe('right');
    expect(from('ArrowLeft')).toBe('left');
    expect(from('ArrowDown')).toBe('below');
    expect(towards(PLACES, 'right', 'ArrowRight')).toBe('far right');
  });

  it('stays where nothing lies that way, and begins at the upper left', () => {
    expect(towards(PLACES, 'far right', 'ArrowRight')).toBe('far right');
    expect(towards(PLACES, 'middle', 'Enter')).toBe('middle');
    expect(towards(PLACES, '', 'ArrowDown')).toBe('left');
    expect(first(new Map())).toBe('');
  });
});
