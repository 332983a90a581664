import { describe, expect, it } from 'vitest';
import { createMasker } from '../../src/logs/mask.ts';
import { CONTINUED_MARK, CONTINUES_MARK } from '../../src/logs/scanner.ts';

describe('masking', () => {
  it('hides values of 8 characters or more wherever they are', () => {
    const mask = createMasker(['s3cret-value', 'abc', '$pecial.(chars)*'])!;
    expect(mask('a s3cret-value, s3cret-value and abc')).toBe('a [masked], [masked] and abc');
    expect(mask('$pecial.(chars)*')).toBe('[masked]');
    expect(mask('$pecialx(chars)*')).toBe('$pecialx(chars)*');
  });

  it('hides the whole of a value that contains another', () => {
    expect(createMasker(['password', 'password-of-prod'])!('password-of-prod')).toBe('[masked]');
  });

  it('hides each line of a value with several', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n';
    const mask = createMasker([key])!;
    expect(key.trim().split('\n').map(mask)).toEqual(['[masked]', '[masked]', '[masked]', '[masked]']);
  });

  it('hides a value on the border of two pieces of a long line', () => {
    const mask = createMasker(['s3cret-value'])!;
    expect(mask(`text s3cret${CONTINUES_MARK}`)).toBe(`text [masked]${CONTINUES_MARK}`);
    expect(mask(`${CONTINUED_MARK}-value text`)).toBe(`${CONTINUED_MARK}[masked] text`);
    expect(mask('text s3cret')).toBe('text s3cret');
  });

  it('is nothing where there is nothing to hide', () => {
    expect(createMasker([])).toBeUndefined();
    expect(createMasker(['short', ''])).toBeUndefined();
  });
});
