/** Functions and tools, the same in every language; asked through Velocity. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyBy, problemBy } from '../../../support/templates.ts'

const all = async (cases: Readonly<Record<string, string>>): Promise<void> => {
  for (const [expression, expected] of Object.entries(cases)) {
    assert.equal(await bodyBy('VELOCITY', `#set($x = ${expression}){'body': #[[']]#$!x#[[']]#}`), expected, expression)
  }
}

test('times, ids and random values', async () => {
  await all({
    $now: '2026-02-03T04:05:06.789Z',
    $now_iso_8601: '2026-02-03T04:05:06.789Z',
    $now_epoch: '1770091506',
    $now_rfc_1123: 'Tue, 3 Feb 2026 04:05:06 GMT',
    $uuid: '00010203-0405-4607-8809-0a0b0c0d0e0f',
    $rand_int: '5',
    $rand_int_10: '5',
    $rand_int_100: '65',
    $rand_bytes: 'AAECAwQFBgcICQoLDA0ODw==',
    $rand_bytes_16: 'AAECAwQFBgcICQoLDA0ODw==',
    '$rand_bytes_32.length()': '44',
    '$rand_bytes_64.length()': '88',
    '$rand_bytes_128.length()': '172',
  })
})

test('strings', async () => {
  await all({
    '$strings.trim("  a ")': 'a',
    '$strings.capitalize("hello")': 'Hello',
    '$strings.urlEncode("a=b c/é")': 'a%3Db+c%2F%C3%A9',
    '$strings.urlDecode("a%3Db+c")': 'a=b c',
    '$strings.base64Encode("hello")': 'aGVsbG8=',
    '$strings.base64Decode("aGVsbG8=")': 'hello',
    '$strings.substringBefore("a-b", "-")': 'a',
    '$strings.substringAfter("a-b", "-")': 'b',
    '$strings.length("hello")': '5',
    '$strings.contains("hello", "ell")': 'true',
    '$strings.replace("hello", "l", "r")': 'herro',
    '$request.path.substring(1).toUpperCase().replace("/", "-")': 'SHOP-42',
    '$request.path.split("/").size()': '3',
  })
})

test('dates', async () => {
  await all({
    '$dates.format("EEE yyyy-MM-dd HH:mm:ss.SSS XXX, d MMM yy h a")': 'Tue 2026-02-03 04:05:06.789 Z, 3 Feb 26 4 AM',
    '$dates.plusHours(1)': '2026-02-03T05:05:06.789Z',
    '$dates.minusDays(3)': '2026-01-31T04:05:06.789Z',
    '$dates.plusSeconds(1)': '2026-02-03T04:05:07.789Z',
    '$dates.plusMinutes(1)': '2026-02-03T04:06:06.789Z',
    '$dates.epochSeconds()': '1770091506',
    '$dates.epochMillis()': '1770091506789',
    '$dates.epochSecondsPlus(60)': '1770091566',
    '$dates.epochSecondsMinus(6)': '1770091500',
    $dates: '2026-02-03T04:05:06.789Z',
  })
  assert.match(await problemBy('VELOCITY', '$dates.format("Q")'), /the letter Q of a date pattern is not supported/)
  assert.match(await problemBy('VELOCITY', '$dates.plusDays(99999999999)'), /out of range/)
})

test('numbers', async () => {
  await all({
    '$calc.abs(-5)': '5',
    '$calc.min(3, 7)': '3',
    '$calc.max(3, 7)': '7',
    '$calc.round(3.14159, 2)': '3.14',
    "$calc.format(1234.5, '#,##0.00')": '1,234.50',
    '$calc.ceil(3.1)': '4.0',
    '$calc.floor(3.9)': '3.0',
    '$calc.randomInt(1, 100)': '66',
    '$math.pow(2, 10)': '1024',
    '$math.max(3, 10)': '10',
    '$math.div(7, 2)': '3.5',
    '$math.roundTo(1, 3.14159)': '3.1',
    "$number.format('#,##0.00', 1234567.891)": '1,234,567.89',
    "$number.format('0000', 42)": '0042',
    "$number.format('#.##', -0.5)": '-.5',
  })
})

test('digests, expressions, HTML, rows and YAML', async () => {
  await all({
    '$crypto.md5("hello")': '5d41402abc4b2a76b9719d911017c592',
    '$crypto.sha1("hello")': 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d',
    '$crypto.sha256("hello")': '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    '$crypto.sha512("hello").substring(0, 8)': '9b71d224',
    '$crypto.hmacSha256("key", "data").length()': '64',
    '$regex.group("user-42", "user-([0-9]+)", 1)': '42',
    '$regex.group("user", "x([0-9]+)", 1)': '',
    '$regex.matches("hello world", "\\bworld\\b")': 'true',
    '$regex.replaceAll("foo123bar", "[0-9]+", "NUM")': 'fooNUMbar',
    '$html.escape("<a> & <b>")': '&lt;a&gt; &amp; &lt;b&gt;',
    '$html.unescape("&lt;a&gt;&#65;&#x42;")': '<a>AB',
    '$csv.parse("a,""b,c""")[0][1]': 'b,c',
    '$csv.row(["a", "b,c"])': 'a,"b,c"',
    '$yaml.toJson("name: Bob")': '{"name":"Bob"}',
    '$yaml.parse("name: Bob", "name")': 'Bob',
  })
})

test('JSON that is changed', async () => {
  const json = { a: 1, b: [3, 1] }
  const one = `#set($j = '${JSON.stringify(json)}')`
  const body = (expression: string) => bodyBy('VELOCITY', `${one}#set($x = ${expression}){'body': #[[']]#$x#[[']]#}`)
  assert.equal(await body('$jsonTransform.merge($j, \'{"a": 2}\')'), '{"a":2,"b":[3,1]}')
  assert.equal(await body("$jsonTransform.remove($j, 'b')"), '{"a":1}')
  assert.equal(await body("$jsonTransform.field($j, 'b')"), '[3,1]')
  assert.equal(await body("$jsonTransform.size('[1,2,3]')"), '3')
  assert.equal(await body("$jsonTransform.arrayAdd('[1,2]', '3')"), '[1,2,3]')
  assert.equal(await body('$jsonTransform.sort(\'[{"n":"b"},{"n":"a"}]\', \'n\')'), '[{"n":"a"},{"n":"b"}]')
  assert.equal(await body("$jsonTransform.merge('no', $j)"), '')
})
