//! A load that costs little itself: keep-alive connections that write prepared requests and read
//! just enough of the answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use benches::Error;
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections that wait for their first answer at one time. The kernel keeps a queue of 128 that are not
/// accepted yet, and resets some where it runs over: whatever the server, and before it knows.
const CONNECTING: usize = 64;
const LENGTH: &[u8] = b"\r\ncontent-length: ";

/// Sends requests over so many connections for so long; requests per second. `request` makes the
/// n-th, all of them different where they have to be; every answer must have this status.
pub(crate) async fn requests_per_second(
    server: SocketAddr,
    connections: usize,
    time: Duration,
    status: &'static str,
    request: Arc<dyn Fn(usize) -> Option<Vec<u8>> + Send + Sync>,
) -> Result<f64, Error> {
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut clients = JoinSet::new();
    let connecting = Arc::new(Semaphore::new(CONNECTING));
    for _ in 0..connections {
        let (request, next) = (Arc::clone(&request), Arc::clone(&next));
        let connecting = Arc::clone(&connecting);
        clients.spawn(async move {
            let mut turn = Some(connecting.acquire_owned().await?);
            let mut stream = TcpStream::connect(server).await?;
            stream.set_nodelay(true)?;
            let mut buffer = Vec::with_capacity(16 * 1024);
            let mut answered = 0_u32;
            while start.elapsed() < time {
                let Some(bytes) = request(next.fetch_add(1, Ordering::Relaxed)) else { break };
                stream.write_all(&bytes).await?;
                read_answer(&mut stream, &mut buffer, status).await?;
                drop(turn.take());
                answered += 1;
            }
            Ok::<_, Error>(answered)
        });
    }
    let mut answered = 0.0;
    while let Some(client) = clients.join_next().await {
        answered += f64::from(client??);
    }
    Ok(answered / start.elapsed().as_secs_f64())
}

async fn read_answer(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    status: &str,
) -> Result<(), Error> {
    buffer.clear();
    let head = loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err("the server hung up".into());
        }
        if let Some(end) = memmem::find(buffer, b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = buffer.get(..head).unwrap_or_default();
    if text.get("HTTP/1.1 ".len()..).is_none_or(|it| !it.starts_with(status.as_bytes())) {
        return Err(format!("expected {status}, not {}", String::from_utf8_lossy(buffer)).into());
    }
    let at = memmem::find(text, LENGTH).ok_or("an answer without a length")?;
    let rest = text.get(at + LENGTH.len()..).unwrap_or_default();
    let digits = rest.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let length = std::str::from_utf8(digits)?.parse::<usize>()?;
    while buffer.len() < head + length {
        if stream.read_buf(buffer).await? == 0 {
            return Err("the server hung up".into());
        }
    }
    Ok(())
}
