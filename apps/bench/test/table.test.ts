import { expect, it } from 'vitest';
import { renderTable } from '../src/table.ts';

it('renderTable pads its cells and aligns numbers to the right', () => {
  const table = renderTable(
    [{ header: 'contestant' }, { header: 'ns', align: 'right' }],
    [
      ['forge', '9.5'],
      ['a-rival-with-a-name', '1234.5'],
    ],
  );
  expect(table).toBe(
    [
      '| contestant          |     ns |',
      '| ------------------- | -----: |',
      '| forge               |    9.5 |',
      '| a-rival-with-a-name | 1234.5 |',
    ].join('\n'),
  );
});
