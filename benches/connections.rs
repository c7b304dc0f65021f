//! Ten thousand connections that ask the price, and a thousand that pay it, for thirty seconds each:
//! no error, and no more memory than while they warmed up. Beside them a server without any payments,
//! whose memory also takes its time to come to rest. Last, what the store in memory keeps of a payment.
//!
//! `cargo bench -p benches --bench connections`, with `-- --check` to fail where that does not hold.
//! The server is a process of its own, so that its memory is its own.

#![expect(clippy::float_arithmetic, reason = "rates and ratios, no money")]

mod figures;
mod load;
mod rivals;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use benches::Error;
use figures::report;
use load::requests_per_second;
use rivals::{
    CONTENT, Requests, instant_facilitator, settings, terms, unpaid, unsigned, with_payment,
};
use x402_axum::Paywall;
use x402_ledger::{
    ClaimState, Claimed, Claims, MemoryStore, Payment, PaymentKey, Payments, Status, StoreError,
};

const TIME: Duration = Duration::from_secs(30);
/// Buffers grow until each connection has met the busiest moment. On a server without any payments,
/// too, that takes some 45 s.
const WARM_UP: Duration = Duration::from_secs(60);
const KEPT_TIME: Duration = Duration::from_secs(10);
/// By how much memory may be more after the warm-up than within it.
const GROWTH: f64 = 1.05;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let argument = |name: &str| std::env::args().any(|argument| argument == name);
    if argument("--server") {
        return serve(shop(Forgetful(MemoryStore::new())).await?).await;
    }
    if argument("--keeping") {
        return serve(shop(MemoryStore::new()).await?).await;
    }
    if argument("--bare") {
        let body = "x".repeat(900);
        return serve(Router::new().route("/", get(|| async { body }))).await;
    }
    let bare = Server::start("--bare")?;
    measure("bare", 10_000, bare, "200", unpaid()).await?;
    measure("unpaid", 10_000, Server::start("--server")?, "402", unpaid()).await?;
    let shop = Server::start("--server")?;
    let terms = terms(shop.address).await?;
    let payments: Requests = Arc::new(move |n| with_payment(&unsigned(&terms, 0, n).ok()?));
    measure("paid", 1_000, shop, "200", Arc::clone(&payments)).await?;
    weigh(Server::start("--keeping")?, payments).await
}

/// By how much memory grows with each payment, where all of them are kept.
async fn weigh(server: Server, payments: Requests) -> Result<(), Error> {
    let load = |time| requests_per_second(server.address, 100, time, "200", Arc::clone(&payments));
    load(KEPT_TIME).await?;
    let before = server.memory()?;
    let later: Requests = {
        let payments = Arc::clone(&payments);
        Arc::new(move |n| payments(usize::MAX / 2 + n))
    };
    let load = requests_per_second(server.address, 100, KEPT_TIME, "200", later);
    let kept = load.await? * KEPT_TIME.as_secs_f64();
    let grown = (server.memory()? - before) as f64 * 1024.0;
    println!("kept: {:.0} bytes of memory for each of {kept:.0} payments", grown / kept);
    Ok(())
}

async fn measure(
    what: &str,
    connections: usize,
    server: Server,
    status: &'static str,
    requests: Requests,
) -> Result<(), Error> {
    let time = WARM_UP + TIME;
    let load =
        tokio::spawn(requests_per_second(server.address, connections, time, status, requests));
    let mut pulse = tokio::time::interval(Duration::from_millis(500));
    let (start, mut before, mut after) = (Instant::now(), 0, 0);
    while !load.is_finished() {
        pulse.tick().await;
        let memory = server.memory()?;
        match start.elapsed() {
            passed if passed <= WARM_UP => before = memory.max(before),
            // Connections that end give memory back, which is not what is asked here.
            passed if passed < time => after = memory.max(after),
            _ => {}
        }
    }
    let rate = load.await??;
    drop(server);
    let growth = after as f64 / before as f64;
    println!(
        "{what}: {connections} connections for {} s, {rate:.0} requests/s, no error; {} MiB at most \
         in the first {} s, {} MiB at most in the {} s after",
        time.as_secs(),
        before / 1024,
        WARM_UP.as_secs(),
        after / 1024,
        TIME.as_secs(),
    );
    report(
        &format!("{what}: the most memory after the warm-up / within it"),
        growth,
        growth <= GROWTH,
        "1.05",
    );
    Ok(())
}

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(what: &str) -> Result<Self, Error> {
        let mut process =
            Command::new(std::env::current_exe()?).arg(what).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("no output")?;
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self { process, address: line.trim().parse()? })
    }

    /// Resident memory, in KiB.
    fn memory(&self) -> Result<u64, Error> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn shop(store: impl Claims + Payments) -> Result<Router, Error> {
    let facilitator = rivals::serve(instant_facilitator()).await?;
    let paywall: Paywall = settings(&format!("http://{facilitator}"))
        .leave_signatures_to_the_facilitator()
        .store(store)
        .build()
        .await?;
    let route = get(|| async { CONTENT }).layer(paywall.price("$0.01")?);
    Ok(Router::new().route("/", route))
}

async fn serve(app: Router) -> Result<(), Error> {
    println!("{}", rivals::serve(app).await?);
    std::future::pending().await
}

/// Forgets what is used up. A claim must be kept until its payment can be settled no more, so a
/// store grows with every payment for as long as that; here it is all the rest that is measured.
struct Forgetful(MemoryStore);

impl Claims for Forgetful {
    async fn claim(
        &self,
        key: &PaymentKey,
        purchase: &str,
        _: u64,
        now: u64,
    ) -> Result<Claimed, StoreError> {
        self.0.claim(key, purchase, now.saturating_add(2), now).await
    }

    async fn advance(&self, key: &PaymentKey, state: ClaimState) -> Result<(), StoreError> {
        match state {
            ClaimState::Used => self.0.release(key).await,
            state => self.0.advance(key, state).await,
        }
    }

    async fn release(&self, key: &PaymentKey) -> Result<(), StoreError> {
        self.0.release(key).await
    }
}

impl Payments for Forgetful {
    async fn record(&self, _: Payment) -> Result<(), StoreError> {
        Ok(())
    }

    async fn complete(
        &self,
        _: &PaymentKey,
        _: Status,
        _: Option<String>,
        _: i64,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    async fn payment(&self, _: &PaymentKey) -> Result<Option<Payment>, StoreError> {
        Ok(None)
    }

    async fn recent(&self, _: usize) -> Result<Vec<Payment>, StoreError> {
        Ok(Vec::new())
    }
}
