// SPDX-License-Identifier: Apache-2.0
// langgraph.mjs UPSTREAM FILE - runs as threads of a LangGraph with a SQLite checkpointer.
import { Annotation, END, START, StateGraph } from '@langchain/langgraph'
import { SqliteSaver } from '@langchain/langgraph-checkpoint-sqlite'
import { STEPS, call, serve } from './play.mjs'

const [upstream, file] = process.argv.slice(2)

const saver = SqliteSaver.fromConnString(file)
saver.db.pragma('journal_mode = WAL')
saver.db.pragma('synchronous = FULL') // the same promise as the others'; as shipped it is NORMAL
const graph = new StateGraph(Annotation.Root({ step: Annotation(), answer: Annotation() }))
  .addNode('call', async ({ step }) => ({ step: step + 1, answer: await call(Number(upstream)) }))
  .addEdge(START, 'call')
  .addConditionalEdges('call', ({ step }) => (step < STEPS ? 'call' : END))
  .compile({ checkpointer: saver })

let threads = 0
await serve(() =>
  graph.invoke(
    { step: 0, answer: '' },
    { configurable: { thread_id: `run-${threads++}` }, durability: 'sync', recursionLimit: STEPS + 1 },
  ),
)
