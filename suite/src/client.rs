use std::fmt;
use std::net::{Shutdown, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Answer, Goods, Payment};

/// A client of one site. It follows no redirects and repeats nothing.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    address: SocketAddr,
}

impl Client {
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Where the site is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `GET`, on a connection of its own.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers, "").await
    }

    /// `GET` with this payment.
    pub async fn buy(&self, path: &str, payment: &Payment) -> Answer {
        self.get(path, &[("payment-signature", &payment.header())]).await
    }

    /// A request on a connection of its own.
    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &'static str,
    ) -> Answer {
        self.connect().await.ask(method, path, headers, body).await
    }

    /// `GET` with this payment, with the answer's body still to be read.
    pub async fn begin(&self, path: &str, payment: &Payment) -> Begun {
        let mut connection = self.connect().await;
        let header = payment.header();
        // Without it there are no trailers.
        let headers = [("payment-signature", &*header), ("te", "trailers")];
        let (answer, body) = connection.begin("GET", path, &headers, "").await;
        Begun { answer, body, _connection: connection }
    }

    /// A connection that stays open for one request after another.
    pub async fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Connection { sender }
    }

    /// Writes these bytes, and nothing is read yet.
    pub async fn write(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server may answer and close before it has read everything.
        let _ = stream.write_all(bytes).await;
        stream
    }

    /// Writes a request to the byte, with `connection: close`, and reads the answer; `None` where the
    /// server hangs up without one. The target and the headers go as they are.
    pub async fn raw(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &[u8])],
    ) -> Option<Answer> {
        let mut bytes = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n").into_bytes();
        bytes.extend_from_slice(b"host: shop.example\r\n");
        for (name, value) in headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend_from_slice(b"\r\n");
        self.write_and_read(&bytes).await
    }

    /// Writes these bytes and reads one answer, to its length or to the end of the connection; `None`
    /// where there is none.
    pub async fn write_and_read(&self, bytes: &[u8]) -> Option<Answer> {
        let mut stream = self.write(bytes).await;
        let mut read = Vec::new();
        // A reset after the answer is an answer too.
        while !is_whole(&read) && stream.read_buf(&mut read).await.is_ok_and(|bytes| bytes > 0) {}
        parse(&read)
    }

    /// Buys, waits until that is under way, hangs up, and waits until the server has noticed.
    pub async fn buy_and_hang_up(
        &self,
        path: &str,
        payment: &Payment,
        goods: &Goods,
        under_way: impl Future<Output = ()>,
    ) {
        let header = payment.header();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: shop.example\r\npayment-signature: {header}\r\n\r\n"
        );
        let stream = self.write(request.as_bytes()).await;
        under_way.await;
        let before = goods.abandoned();
        stream.into_std().unwrap().shutdown(Shutdown::Both).unwrap();
        goods.abandoned_beyond(before).await;
    }
}

/// A connection that stays open.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// A request, and its answer to the end.
    pub async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &'static str,
    ) -> Answer {
        let (mut answer, body) = self.begin(method, path, headers, body).await;
        let body = body.collect().await.expect("a body to the end").to_bytes();
        answer.body = String::from_utf8(body.to_vec()).unwrap();
        answer
    }

    async fn begin(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &'static str,
    ) -> (Answer, Incoming) {
        let mut request = Request::builder().method(method).uri(path.parse::<Uri>().unwrap());
        request = request.header("host", "shop.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body)).unwrap();
        self.sender.ready().await.expect("an open connection");
        let (head, body) = self.sender.send_request(request).await.expect("an answer").into_parts();
        let answer =
            Answer { status: head.status.as_u16(), headers: head.headers, body: String::new() };
        (answer, body)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// An answer of which the head has come.
#[derive(Debug)]
pub struct Begun {
    /// Status and headers.
    pub answer: Answer,
    body: Incoming,
    _connection: Connection,
}

impl Begun {
    /// Reads the body until there is this much of it, to the letter.
    pub async fn read(&mut self, expected: &str) {
        let mut read = String::new();
        while read.len() < expected.len() {
            let frame = self.body.frame().await.expect("more of the body").unwrap();
            let data = frame.into_data().expect("data");
            read.push_str(std::str::from_utf8(&data).unwrap());
        }
        assert_eq!(read, expected);
    }

    /// Reads to the end, where nothing may come any more but trailers. The receipt in them, as one in
    /// the headers of an answer.
    pub async fn end(mut self) -> Answer {
        let mut answer = self.answer;
        answer.headers = HeaderMap::new();
        while let Some(frame) = self.body.frame().await {
            match frame.expect("a sound end").into_trailers() {
                Ok(trailers) => answer.headers = trailers,
                Err(more) => panic!("more of the body: {more:?}"),
            }
        }
        answer
    }

    /// Reads to where it breaks off, which it must, and nothing comes any more.
    pub async fn breaks(mut self) {
        match self.body.frame().await {
            Some(Err(_)) => {}
            other => panic!("it did not break off: {other:?}"),
        }
    }
}

/// Whether all is there of an answer that tells its length. Of `HEAD` none ever is.
fn is_whole(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read);
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let mut lengths = head.lines().filter_map(|line| {
        let (name, length) = line.split_once(": ")?;
        let length: usize = length.parse().ok()?;
        name.eq_ignore_ascii_case("content-length").then_some(length)
    });
    lengths.next().is_some_and(|length| read.len() >= head.len() + 4 + length)
}

/// Reads an answer's head; what follows is its body, chunks and all.
pub(crate) fn parse(read: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(read);
    if text.is_empty() {
        return None;
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status =
        status.and_then(|it| it.parse().ok()).unwrap_or_else(|| panic!("no answer: {text}"));
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        let name = HeaderName::try_from(name).unwrap();
        headers.append(name, HeaderValue::try_from(value.trim()).unwrap());
    }
    Some(Answer { status, headers, body: body.to_owned() })
}
