// SPDX-License-Identifier: Apache-2.0
// dbos.mjs UPSTREAM POSTGRES - runs as workflows of DBOS.
import { DBOS } from '@dbos-inc/dbos-sdk'
import { STEPS, call, serve } from './play.mjs'

const [upstream, postgres] = process.argv.slice(2).map(Number)

const agent = DBOS.registerWorkflow(
  async () => {
    for (let i = 0; i < STEPS; i++) await DBOS.runStep(() => call(upstream), { name: `step ${i}` })
  },
  { name: 'agent' },
)

DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: `postgresql://postgres@127.0.0.1:${postgres}/bench`,
  systemDatabasePoolSize: 50,
  logLevel: 'error',
})
await DBOS.launch()
await serve(() => agent())
