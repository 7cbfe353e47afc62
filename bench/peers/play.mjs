// SPDX-License-Identifier: Apache-2.0
// play.mjs - plays runs of ten steps, so many at a time, on the engine that `run` stands for.
//
// A step is one HTTP call to bench/upstream.c, with the request and answer that bench/load.c has.
// Each line {"conns": N, "seconds": S} on standard input is answered by {"steps": n, "seconds": s};
// other lines on standard output are an engine's own.
import http from 'node:http'
import readline from 'node:readline'

export const STEPS = 10
const REQUEST_BYTES = 2048
const ANSWER_BYTES = 1126
const agent = new http.Agent({ keepAlive: true, maxSockets: 512 })
let tags = 0

export function post(port, path, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const request = http.request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers }, (answer) => {
      const parts = []
      answer.on('data', (part) => parts.push(part))
      answer.on('error', reject)
      answer.on('end', () => {
        const text = Buffer.concat(parts).toString()
        if (answer.statusCode < 300) resolve(text)
        else reject(new Error(`${path}: ${answer.statusCode} ${text.slice(0, 200)}`))
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

// The work of a step; through the Governor it is the step, below the base URL of a run.
export async function call(port, base = '') {
  const tag = `q${(tags++).toString(16).padStart(15, '0')}`
  const head = `{"model":"m","user":"${tag}","messages":[{"role":"user","content":"`
  const body = `${head.padEnd(REQUEST_BYTES - 4, 'the quick brown fox ')}"}]}`
  const answer = await post(port, `${base}/v1/chat/completions`, body)
  if (answer.length !== ANSWER_BYTES || !answer.includes(tag)) throw new Error('a wrong answer')
  return answer
}

async function play(run, conns, seconds) {
  const began = performance.now()
  let steps = 0
  const lane = async () => {
    while (performance.now() - began < seconds * 1000) {
      await run()
      steps += STEPS
    }
  }
  await Promise.all(Array.from({ length: conns }, lane))
  return { steps, seconds: (performance.now() - began) / 1000 }
}

export async function serve(run) {
  await run()
  console.log('{"steps":10}') // ready
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { conns, seconds } = JSON.parse(line)
    console.log(JSON.stringify(await play(run, conns, seconds)))
  }
  process.exit(0)
}
