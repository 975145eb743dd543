// tokio-postgres: a task for each statement in flight, on one thread; it pipelines what is asked of one client, so that
// the tasks share the clients in turn. What it is asked and what it prints is said in ../../../outside.h.
use std::cell::RefCell;
use std::env;
use std::io::{self, BufRead};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::{spawn_local, LocalSet};
use tokio_postgres::{Client, Config, NoTls, Statement};

struct Line {
    client: Client,
    statement: Statement,
}

fn var(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{} is not set", name))
}

async fn connect(sql: &str) -> Line {
    let (client, connection) = Config::new()
        .host(&var("PGHOST"))
        .port(var("PGPORT").parse().unwrap())
        .user(&var("PGUSER"))
        .password(var("PGPASSWORD"))
        .dbname(&var("PGDATABASE"))
        .connect(NoTls)
        .await
        .unwrap();
    spawn_local(async move { connection.await.unwrap() });
    let statement = client.prepare(sql).await.unwrap();
    Line { client, statement }
}

async fn ask(line: &Line, point: bool, id: i32) {
    let row = if point {
        line.client.query_one(&line.statement, &[&id]).await.unwrap()
    } else {
        line.client.query_one(&line.statement, &[]).await.unwrap()
    };
    let _: i32 = row.get(0);
}

fn next(random: &mut u64) -> i32 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    (*random >> 16) as i32 & 0x7fffffff
}

async fn round(lines: &Rc<Vec<Line>>, point: bool, in_flight: usize, length: Duration) {
    let start = Instant::now();
    let all = Rc::new(RefCell::new(Vec::<u64>::new()));
    let mut tasks = Vec::new();

    for i in 0..in_flight {
        let (lines, all) = (lines.clone(), all.clone());
        tasks.push(spawn_local(async move {
            let line = &lines[i % lines.len()];
            let mut random = 88172645463325252u64 + i as u64;
            let mut begun = Instant::now();
            loop {
                ask(line, point, next(&mut random) % 100000 + 1).await;
                let now = Instant::now();
                all.borrow_mut().push((now - begun).as_nanos() as u64);
                begun = now;
                if now - start >= length {
                    break;
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let took = start.elapsed().as_secs_f64();
    let mut all = all.borrow_mut();
    all.sort_unstable();
    let us = |part: f64| all[(part * (all.len() - 1) as f64) as usize] as f64 / 1000.0;
    println!("{} {} {} {}", all.len(), took, us(0.5), us(0.99));
}

async fn run() {
    let arguments: Vec<String> = env::args().collect();
    let point = arguments[1] == "point";
    let (connections, in_flight): (usize, usize) = (arguments[2].parse().unwrap(), arguments[3].parse().unwrap());
    let sql = if point { "SELECT balance FROM accounts WHERE id = $1" } else { "SELECT 1" };
    let mut lines = Vec::new();

    for _ in 0..connections {
        lines.push(connect(sql).await);
    }
    let lines = Rc::new(lines);
    println!("ready");
    for ms in io::stdin().lock().lines() {
        let length = Duration::from_millis(ms.unwrap().trim().parse().unwrap());
        round(&lines, point, in_flight, length).await;
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    LocalSet::new().block_on(&runtime, run());
}
