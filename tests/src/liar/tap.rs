//! A port without TLS: keeps the very bytes that clients send, and answers each connection with cleartext HTTP.
use std::sync::{Arc, Mutex};

use anyhow::Result;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::doors::lock;

pub struct Tap {
    pub port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tap {
    pub async fn open() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let kept = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = vec![0; 64 << 10];
                let read = stream.read(&mut bytes).await.unwrap_or(0);
                lock(&kept).extend_from_slice(&bytes[..read]);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                // The client may have gone already.
                let _ = stream.write_all(answer).await;
            }
        });
        Ok(Self { port, heard, task })
    }

    /// All bytes so far.
    pub fn heard(&self) -> Vec<u8> {
        lock(&self.heard).clone()
    }
}
