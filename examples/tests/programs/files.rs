//! A server of files, and what is tried to get one for nothing.

use std::fs;
use std::path::{Path, PathBuf};

use examples::shop::Error;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::market::{Market, terms};

const TEXT: &str = "It was a dark and stormy night.";
const SECRET: &str = "Not even for money.";

/// A folder with files, and a file beside it.
fn folder() -> Result<PathBuf, Error> {
    let around = Path::new(env!("CARGO_TARGET_TMPDIR")).join("files");
    let folder = around.join("sold");
    fs::create_dir_all(folder.join("large"))?;
    fs::write(folder.join("novel.txt"), TEXT)?;
    fs::write(folder.join("large/two and a half.bin"), "x".repeat(2_500_000))?;
    fs::write(around.join("secret.txt"), SECRET)?;
    Ok(folder)
}

/// What is answered to a request that no client would send.
async fn answer(shop: &str, request_line: &str, header: &str) -> Result<String, Error> {
    let mut stream = TcpStream::connect(shop.trim_start_matches("http://")).await?;
    let head = format!("{request_line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_costs_by_its_size_and_no_path_gets_around_that() -> Result<(), Error> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_files"));
    command.arg(folder()?);
    let (market, shop) = Market::of(command).await?;

    let tricks = [
        "/novel.txt",
        "//novel.txt",
        "/./novel.txt",
        "/large/../novel.txt",
        "/%6eovel.txt",
        "/novel.txt/",
        "/novel.txt?",
        "/novel.txt#",
        "/novel.txt%00",
        "/novel.txt;x",
        "/large%2f..%2fnovel.txt",
        "http://x/novel.txt",
        "http://x//novel.txt",
        "/../secret.txt",
        "/../sold/novel.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/..%5csecret.txt",
        "/large/../../secret.txt",
        "/%252e%252e/secret.txt",
        "http://x/../secret.txt",
        "/large",
        "/large/",
    ];
    let headers =
        ["", "range: bytes=0-7\r\n", "x-original-url: /\r\n", "x-http-method: OPTIONS\r\n"];
    for path in tricks {
        for method in ["GET", "HEAD", "OPTIONS", "POST", "PROPFIND", "get"] {
            for header in headers {
                let request = format!("{method} {path}");
                let answer = answer(&shop, &request, header).await?;
                assert!(answer.starts_with("HTTP/1.1 4"), "{request} {header}: {answer}");
                assert!(!answer.contains(&TEXT[..8]), "{request} {header}: {answer}");
                assert!(!answer.contains(&SECRET[..8]), "{request} {header}: {answer}");
            }
        }
    }
    for outside in ["..%2fsecret.txt", "%2e%2e%2fsecret.txt", "no.txt", "large"] {
        let refused = market.get(&format!("{shop}/{outside}")).await?;
        assert_eq!(refused.status(), StatusCode::NOT_FOUND, "{outside}");
    }
    assert_eq!((market.earned()?, market.spent()?), (0, 0));

    assert_eq!(market.buy(&format!("{shop}/novel.txt"), 1_000).await?, TEXT);
    let large = format!("{shop}/large/two%20and%20a%20half.bin");
    assert_eq!(market.buy(&large, 3_000).await?.len(), 2_500_000);
    let told = terms(&large).await?;
    assert_eq!(told.resource.description.as_deref(), Some("A file of 2500000 bytes"));
    Ok(())
}
