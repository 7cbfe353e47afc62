// SPDX-License-Identifier: Apache-2.0
// aire.mjs GOVERNOR - runs by the base URL alone, with the client that the other engines' steps have.
import { STEPS, call, serve } from './play.mjs'

const governor = Number(process.argv[2])
let runs = 0
await serve(async () => {
  const base = `/run/node-${process.pid}-${runs++}/1`
  for (let i = 0; i < STEPS; i++) await call(governor, base)
})
