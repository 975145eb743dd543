// peer.mjs pg|pg-native|postgres.js KIND CONNECTIONS IN_FLIGHT: a chain of promises for each statement in flight, over
// the library's own pool. What it is asked and what it prints is said in ../../outside.h.
import { createInterface } from 'node:readline'

const [library, kind, connections, inFlight] = process.argv.slice(2)
const max = Number(connections)
const point = 'SELECT balance FROM accounts WHERE id = $1'

async function openPg(native) {
  const pg = (await import('pg')).default
  const pool = new (native ? pg.native : pg).Pool({ max, min: max, idleTimeoutMillis: 0 })
  if (kind === 'point') return (id) => pool.query({ name: 'point', text: point, values: [id] })
  return () => pool.query({ name: 'one', text: 'SELECT 1' })
}

async function openPostgresJs() {
  const { default: postgres } = await import('postgres')
  const { PGHOST: host, PGPORT: port, PGUSER: user, PGPASSWORD: password, PGDATABASE: database } = process.env
  const path = host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : undefined
  const sql = postgres({ host, port, path, user, password, database, max, max_pipeline: 100 })
  if (kind === 'point') return (id) => sql`SELECT balance FROM accounts WHERE id = ${id}`
  return () => sql`SELECT 1`
}

async function round(ask, ms) {
  const all = []
  const start = performance.now()
  const chain = async () => {
    let begun = performance.now()
    do {
      await ask(1 + Math.floor(Math.random() * 100000))
      const now = performance.now()
      all.push(now - begun)
      begun = now
    } while (begun - start < ms)
  }
  await Promise.all(Array.from({ length: Number(inFlight) }, chain))
  const seconds = (performance.now() - start) / 1000
  all.sort((a, b) => a - b)
  const us = (part) => all[Math.floor(part * (all.length - 1))] * 1000
  console.log(all.length, seconds, us(0.5), us(0.99))
}

const ask = library === 'postgres.js' ? await openPostgresJs() : await openPg(library === 'pg-native')
await ask(1)
console.log('ready')
for await (const line of createInterface({ input: process.stdin })) await round(ask, Number(line))
process.exit(0)
