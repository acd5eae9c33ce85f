//! A service that greets.

use std::env;
use std::error::Error;

use tiny_http::{Response, Server};

fn main() -> Result<(), Box<dyn Error>> {
    let port = env::var("PORT").unwrap_or_else(|_| "8080".to_owned());
    let server = Server::http(format!("0.0.0.0:{port}")).map_err(|error| error.to_string())?;
    for request in server.incoming_requests() {
        request.respond(Response::from_string("hello from rust\n"))?;
    }
    Ok(())
}
