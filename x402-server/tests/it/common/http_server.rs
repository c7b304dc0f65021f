use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::latch::Latch;

/// An HTTP server on this machine that answers bytes as they are given, broken ones too. Each
/// connection is for one request.
pub struct HttpServer {
    pub url: String,
    /// Every request to be verified or settled comes through here.
    pub requests: Latch,
    task: tokio::task::JoinHandle<()>,
}

type Respond = Arc<dyn Fn(&str, &str) -> Option<Vec<u8>> + Send + Sync>;

impl HttpServer {
    /// Answers what this function makes of path and body; `None` breaks the connection.
    pub async fn start(
        respond: impl Fn(&str, &str) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Latch::default();
        let (respond, latch): (Respond, _) = (Arc::new(respond), requests.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&respond), latch.clone()));
            }
        });
        Self { url, requests, task }
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, respond: Respond, latch: Latch) {
    let mut read = Vec::new();
    let (path, body) = loop {
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return;
        }
        if let Some(request) = parse(&read) {
            break request;
        }
    };
    if path != "/supported" {
        latch.pass().await;
    }
    match respond(&path, &body) {
        Some(bytes) => {
            // The other side may stop reading before the end.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        // To close with something unread resets the connection; either way no answer comes.
        None => drop(stream),
    }
}

fn parse(read: &[u8]) -> Option<(String, String)> {
    let text = String::from_utf8_lossy(read);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let path = head.split(' ').nth(1)?.to_owned();
    let length = head.to_ascii_lowercase().lines().find_map(|line| {
        line.strip_prefix("content-length:").map(|length| length.trim().parse::<usize>().unwrap())
    });
    (body.len() >= length.unwrap_or(0)).then(|| (path, body.to_owned()))
}

/// A response with this body, and a header line more where one is given.
pub fn http_response(status: u16, content_type: &str, extra: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\
         connection: close\r\n{extra}\r\n{body}"
    )
    .into_bytes()
}
