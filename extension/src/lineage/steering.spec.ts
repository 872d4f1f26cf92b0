import { first, isWithin, towards } from './steering';

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

describe('isWithin', () => {
  it('says at each scale and place whether all is seen', () => {
    const bounds = { x1: -10, y1: 0, x2: 100, y2: 40 };
    const seen = { width: 200, height: 100 };
    const origin = { x: 0, y: 0 };
    expect(isWithin(bounds, 1, { x: 10, y: 0 }, seen)).toBe(true);
    expect(isWithin(bounds, 1, origin, seen)).toBe(false); // left
    expect(isWithin(bounds, 1.7, { x: 50, y: 0 }, seen)).toBe(false); // right
    expect(isWithin(bounds, 1, { x: 10, y: -1 }, seen)).toBe(false); // above
    expect(isWithin(bounds, 1, { x: 10, y: 61 }, seen)).toBe(false); // below
    expect(isWithin(bounds, 0.5, { x: 10, y: 61 }, seen)).toBe(true);
  });
});
