//! The part of HTTP/1.1 that the proxy needs. It is written by hand, because no server framework lets its handler break
//! the connection, which the proxy has to do.

use std::io;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, tcp::OwnedReadHalf},
};

/// A request as it came in.
#[derive(Debug)]
pub struct Incoming {
    /// Header lines.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Incoming {
    /// The header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Reads the next request; `None` if the client has closed the connection.
pub async fn read(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Incoming>> {
    let mut line = String::new();
    if reader.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).await?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    let mut incoming = Incoming { headers, body: Vec::new() };
    let length = incoming.header("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
    incoming.body.resize(length, 0);
    reader.read_exact(&mut incoming.body).await?;
    Ok(Some(incoming))
}

/// Splits a connection.
pub fn split(stream: TcpStream) -> (BufReader<OwnedReadHalf>, tokio::net::tcp::OwnedWriteHalf) {
    let (read, write) = stream.into_split();
    (BufReader::new(read), write)
}

/// Writes a response.
pub async fn write(
    writer: &mut tokio::net::tcp::OwnedWriteHalf,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} status\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.extend(["content-length: ", &body.len().to_string(), "\r\n\r\n"]);
    let mut response = head.into_bytes();
    response.extend_from_slice(body);
    writer.write_all(&response).await?;
    writer.flush().await
}
