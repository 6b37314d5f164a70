import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyBy, problemBy, REQUEST, renderedBy, withBody } from '../../../support/templates.ts'

const text = (template: string, model = REQUEST) => bodyBy('VELOCITY', `{ 'body': "${template}" }`, model)

test('parts of the request are printed, and headers are found in any case', async () => {
  assert.equal(await text('$request.method $!request.path'), 'POST /shop/42')
  assert.equal(await text("$!request.headers['Session-Id'][0] $request.headers.host[0]"), 's1 shop.example')
  assert.equal(await text('$request.headers.get("SESSION-ID").get(0)'.replaceAll('"', "'")), 's1')
  assert.equal(await text('$request.queryStringParameters'), '{q=[1, 2], name=[é x]}')
  assert.equal(await text("$request.pathParameters.id[0] $request.cookies['d']"), '42 2')
  assert.equal(await text('$request.secure $request.keepAlive $request.remoteAddress'), 'false true 127.0.0.1:50000')
  assert.equal(await text('$request.getMethod()'), 'POST')
})

test('what is not there is printed as it is written, or not at all when it is quiet', async () => {
  assert.equal(
    await text(`$nope \${nope.more} $!nope $request.nope() [$!{nope.x}]`),
    `$nope \${nope.more}  $request.nope() []`,
  )
  assert.equal(await text('costs 5$, #1 and $request.path.x'), 'costs 5$, #1 and $request.path.x')
  assert.equal(await text(`\${nope|'other'} \${request.method|'other'}`), 'other POST')
})

test('conditions, with words or signs, and what counts as true', async () => {
  const yes = (condition: string) => text(`#if(${condition})yes#else no#end`)
  assert.equal(await yes("$request.method == 'POST' && $request.path == '/shop/42'"), 'yes')
  assert.equal(await yes("$request.method eq 'GET' or not $nope"), 'yes')
  assert.equal(await yes('$nope'), ' no')
  assert.equal(await yes("''"), ' no')
  assert.equal(await yes('0'), ' no')
  assert.equal(await yes('[]'), ' no')
  assert.equal(await yes('$request.queryStringParameters.q[0] == 1'), 'yes')
  assert.equal(await yes('2 < 10 and 1.5 >= 1.5'), 'yes')
  assert.equal(await text('#if(false)a#elseif(true)b#{else}c#end'), 'b')
})

test('loops over lists, maps and ranges know where they are', async () => {
  const each = "#foreach($v in $request.queryStringParameters.values())'$v[0]'#if($foreach.hasNext), #end#end"
  assert.equal(await text(each), "'1', 'é x'")
  assert.equal(
    await text(
      '#foreach($e in $request.cookies.entrySet())$e.key=$e.value/$foreach.index/$foreach.count/$foreach.last;#end',
    ),
    'c=1/0/1/false;d=2/1/2/true;',
  )
  assert.equal(await text('#foreach($i in [3..1])$i#if($i == 2)#break#end#end'), '32')
  assert.equal(await text('#foreach($i in [])x#else none#end'), ' none')
  assert.equal(
    await text('#foreach($i in [1..2])#foreach($j in [1..2])$foreach.parent.index$foreach.index #end#end'),
    '00 01 10 11 ',
  )
})

test('whole numbers divide as whole numbers, decimals as decimals', async () => {
  const set =
    '#set($a = 7 / 2)#set($b = 7.0 / 2)#set($c = 7 % 4)#set($d = 1 + "a")#set($e = 2 + 3 * -4)#set($f = 1 / 0)'
  const body = await bodyBy('VELOCITY', `${set}{'body': "$a $b $c $d $e $!f"}`)
  assert.equal(body, '3 3.5 3 1a -10 ')
})

test('names are set, and lists and maps changed', async () => {
  const set = `#set($l = [1, 'b'])#set($x = $l.add(3))#set($m = {'k': 'v', "n": $l})#set($m.z = "$request.method!")`
  assert.equal(
    await bodyBy('VELOCITY', `${set}{'body': "$l $m $m.n[1] $m['k'] $l.size()"}`),
    '[1, b, 3] {k=v, n=[1, b, 3], z=POST!} b v 3',
  )
})

test('macros and blocks are rendered where they are named', async () => {
  assert.equal(
    await bodyBy('VELOCITY', `#macro(hi $who)Hello $who#end{'body': "#hi('you') #hi(1) #other(2)"}`),
    'Hello you Hello 1 #other(2)',
  )
  assert.equal(await bodyBy('VELOCITY', `#define($b)[$x]#end#set($x = 1){'body': "$b"}`), '[1]')
})

test('comments, raw text and signs that are escaped', async () => {
  assert.equal(
    await text('a#* $x *#b #[[$request.path #if]]# \\\\$request.path \\\\#if'.replaceAll('\\\\', '\\')),
    'ab $request.path #if $request.path #if',
  )
  assert.deepEqual(await renderedBy('VELOCITY', '## first line\n{"statusCode": 201}'), {
    document: { statusCode: 201 },
  })
})

test('JSON and XML bodies are looked into', async () => {
  const each = "#foreach($b in $j.store.book)'$b.title'#if($foreach.hasNext), #end#end"
  const json = await bodyBy(
    'VELOCITY',
    `#set($j = $json.parse($!request.body)){'body': "${each} $j.count $!j.missing"}`,
  )
  assert.equal(json, "'Reckoning', 'Tides & Time' 5 ")
  assert.equal(
    await text("$jsonPath.find('$.store.book[0].title') $jsonPath.find('$..price') $jsonPath.find('$.nope')"),
    'Reckoning [7.5, 12] ',
  )
  const xml = withBody('<e><k>one</k><v n="1">two</v></e>', 'application/xml')
  assert.equal(await text("$xPath.find('/e/k') $xPath.find('count(//*)')", xml), 'one 3')
  const parsed =
    '#set($x = $xml.parse($!request.body)){\'body\': \'$xml.find("/e/k/text()") $xml.find("/e/v").attr("n") $xml.find("/e/v").text()\'}'
  assert.equal(await bodyBy('VELOCITY', parsed, xml), 'one 1 two')
})

test('a body may be put into the document as JSON', async () => {
  const rendered = await renderedBy('VELOCITY', "{'body': $!request.body}")
  assert.deepEqual('document' in rendered && rendered.document, { body: JSON.parse(REQUEST.body.bytes.toString()) })
})

test('mistakes are found when the template is read, with their line', async () => {
  const problem = (template: string) => problemBy('VELOCITY', template)
  assert.equal(await problem('{\n#if($x)'), 'not a valid Velocity template: line 2: #if without #end')
  assert.match(await problem('{} #end'), /^not a valid Velocity template: line 1: #end without/)
  assert.match(await problem('\n\n#set($x 1)'), /line 3: expected "=", got "1\)"/)
  assert.match(await problem("#set($x = 'a"), /text in quotes that does not end/)
  assert.match(await problem('#parse("a")'), /#parse is not supported/)
  assert.match(await problem('#include("a")'), /#include is not supported/)
  assert.match(await problem('#evaluate($request.body)'), /#evaluate is not supported/)
})

test('nothing of JavaScript can be reached', async () => {
  const paths = [
    'constructor',
    '__proto__',
    'prototype',
    'class',
    'getClass()',
    'toString.constructor',
    "constructor.constructor('return 1')()",
  ]
  const bases = [
    'request',
    'request.method',
    'request.headers',
    'request.cookies',
    'm',
    'l',
    'strings',
    'json',
    'foreach',
    'request.secure',
    'calc.max(1, 2)',
  ]
  const template = bases.flatMap((base) => paths.map((path) => `[$!${base}.${path}]`)).join('')
  const body = await bodyBy(
    'VELOCITY',
    `#set($m = {})#set($l = [])#foreach($i in [1])\n{'body': #[[']]#${template}#[[']]#}#end`.replaceAll(
      "'return 1'",
      '"return 1"',
    ),
  )
  // The last call of all is none of a value's, and is text.
  assert.equal(String(body).replaceAll('[()]', '').replaceAll('[]', ''), '')
})

test('names of the prototype are names like others', async () => {
  assert.equal(
    await bodyBy(
      'VELOCITY',
      `#set($m = {"__proto__": 1, "constructor": 2})#set($m.valueOf = 3){'body': "$m.__proto__ $m.constructor $m.valueOf"}`,
    ),
    '1 2 3',
  )
  assert.equal(({} as { valueOf: unknown }).valueOf, Object.prototype.valueOf)
})
