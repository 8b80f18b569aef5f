//! What stands in for OpenSearch, Elasticsearch, Loki and Splunk: it takes
//! requests, says that all is well, and keeps them.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What any of them answers to what it has taken.
const TAKEN: &str = r#"{"took":1,"errors":false,"items":[],"text":"Success","code":0}"#;

#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    /// By their names in lower case.
    headers: BTreeMap<String, String>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        &self.headers[name]
    }

    /// The next one of a connection.
    fn read(from: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let path = line.split(' ').nth(1)?.to_owned();
        let mut headers = BTreeMap::new();
        loop {
            line.clear();
            from.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = vec![0; headers["content-length"].parse().unwrap()];
        from.read_exact(&mut body).ok()?;
        Some(Self {
            path,
            headers,
            body: String::from_utf8(body).unwrap(),
        })
    }
}

pub struct Receiver {
    pub port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<_>>>::default();
        let into = Arc::clone(&requests);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let into = Arc::clone(&into);
                thread::spawn(move || serve(&connection.unwrap(), &into));
            }
        });
        Self { port, requests }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// All that came.
    pub fn bodies(&self) -> String {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .map(|request| request.body.as_str())
            .collect()
    }
}

fn serve(connection: &TcpStream, into: &Mutex<Vec<Request>>) {
    let (mut from, mut to) = (BufReader::new(connection), connection);
    while let Some(request) = Request::read(&mut from) {
        into.lock().unwrap().push(request);
        let length = TAKEN.len();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ";
        if write!(to, "{head}{length}\r\n\r\n{TAKEN}").is_err() {
            return;
        }
    }
}

/// A port that nobody listens at now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
