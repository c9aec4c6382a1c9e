import assert from 'node:assert/strict';
import test from 'node:test';
import { momentFault } from './moment-fault.ts';

test('a text that is no moment must be refused as Go’s time.Parse does', () => {
  for (const [text, fault] of [
    ['x', 'failed to parse value as time or duration: "x"'],
    ['2020-13-01', 'parsing time "2020-13-01": month out of range'],
    ['2020-02-30', 'parsing time "2020-02-30": day out of range'],
    ['2020-01-01 00:00:00', 'parsing time "2020-01-01 00:00:00": extra text: " 00:00:00"'],
    ['2020-01-01T25:00:00', 'parsing time "2020-01-01T25:00:00": hour out of range'],
    ['2020-01-01T00:61', 'parsing time "2020-01-01T00:61": minute out of range'],
    ['yesterday-', 'parsing time "yesterday-" as "2006-01-02": cannot parse "yesterday-" as "2006"'],
    ['2020-1-01', 'parsing time "2020-1-01" as "2006-01-02": cannot parse "1-01" as "01"'],
    ['2020-01/01', 'parsing time "2020-01/01" as "2006-01-02": cannot parse "/01" as "-"'],
    ['2020-01-01Tx', 'parsing time "2020-01-01Tx" as "2006-01-02T15": cannot parse "x" as "15"'],
    ['2020-01-01T00:00:00+02', 'parsing time "2020-01-01T00:00:00+02" as "2006-01-02T15:04Z07:00": cannot parse ":00+02" as "Z07:00"'],
  ] as const) assert.equal(momentFault(text), fault);
});
