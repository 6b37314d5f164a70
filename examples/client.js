// An ordinary program: asks two services, knows nothing of Understudy. Usage: client.js BASE_URL
const base = process.argv[2]
for (const path of ['/orders/13', '/catalogue']) {
  const answer = await fetch(base + path)
  const text = (await answer.text()).replace(/\s+/g, ' ')
  console.log(`node    GET ${path.padEnd(12)} ${answer.status} ${text}`)
}
