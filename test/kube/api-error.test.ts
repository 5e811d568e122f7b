import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, isConflict, isExpired, isNotFound } from '../../src/kube/api-error.ts';

function status(code: number, fields: object): string {
  return JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, ...fields });
}

test("carries the server's reason and sentence, and what was asked", () => {
  const body = status(409, { reason: 'Conflict', message: 'the object has been modified' });
  const error = new ApiError(409, body, { request: 'PUT /a' });
  assert.equal(error.message, 'the object has been modified');
  assert.deepEqual([error.code, error.reason, error.request], [409, 'Conflict', 'PUT /a']);
  assert.ok(isConflict(error));
  assert.ok(!isNotFound(error));
});

test('shows the start of an answer that is no Status, and the code if there is none', () => {
  assert.equal(new ApiError(502, ' <html>Bad Gateway</html>\n').message, '<html>Bad Gateway</html>');
  assert.equal(new ApiError(502, 'x'.repeat(5000)).message.length, 500);
  assert.equal(new ApiError(502, '').message, 'HTTP status 502');
  assert.equal(new ApiError(500, 'null').message, 'null');
});

test('tells how long the server asked to wait', () => {
  const body = status(429, { details: { retryAfterSeconds: 7 } });
  assert.equal(new ApiError(429, '', { retryAfter: '3' }).retryAfterMs, 3000);
  assert.equal(new ApiError(429, body).retryAfterMs, 7000);
  assert.equal(new ApiError(429, body, { retryAfter: 'Fri, 31 Dec 1999 23:59:59 GMT' }).retryAfterMs, 7000);
  assert.equal(new ApiError(429, '', { retryAfter: '0' }).retryAfterMs, undefined);
});

test('knows an expired resume point by its code and by its reason', () => {
  assert.ok(isExpired(new ApiError(410, '')));
  assert.ok(isExpired(new ApiError(500, status(500, { reason: 'Expired' }))));
  assert.ok(!isExpired(new ApiError(500, '')));
  assert.ok(!isExpired(new Error('410')));
});
