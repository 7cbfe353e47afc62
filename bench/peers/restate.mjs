// SPDX-License-Identifier: Apache-2.0
// restate.mjs UPSTREAM INGRESS ADMIN - runs as invocations of a Restate service.
import http2 from 'node:http2'
import * as restate from '@restatedev/restate-sdk'
import { STEPS, call, post, serve } from './play.mjs'

// The SDK needs it and Node has it from 22 on.
Promise.withResolvers ??= () => {
  const it = {}
  it.promise = new Promise((resolve, reject) => Object.assign(it, { resolve, reject }))
  return it
}
const [upstream, ingress, admin] = process.argv.slice(2).map(Number)

const agent = restate.service({
  name: 'agent',
  handlers: {
    play: async (ctx) => {
      for (let i = 0; i < STEPS; i++) await ctx.run(`step ${i}`, () => call(upstream))
    },
  },
})

const server = http2.createServer(restate.createEndpointHandler({ services: [agent] }))
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const uri = `http://127.0.0.1:${server.address().port}`
await post(admin, '/deployments', JSON.stringify({ uri }))
await serve(() => post(ingress, '/agent/play', 'null'))
