// Asks the Runtime API in place of the compiled part of aws-lambda-ric, which every installation compiles anew.
'use strict';

const http = require('node:http');
const Module = require('node:module');

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');

function ask(method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const options = { hostname, port, method, path: `/2018-06-01/runtime/invocation/${path}`, headers };
    const request = http.request(options, (response) => {
      let bodyJson = '';
      response.setEncoding('utf8').on('data', (chunk) => { bodyJson += chunk; });
      response.on('end', () => resolve({ bodyJson, headers: response.headers }));
    });
    request.on('error', reject).end(body);
  });
}

// The compiled part waits for the answer to each of its requests; so does the next question here.
let answered = Promise.resolve();

const client = {
  next: () => answered.then(() => ask('GET', 'next', {})),
  done: (id, body) => { answered = ask('POST', `${id}/response`, {}, body); },
  error: (id, body) => { answered = ask('POST', `${id}/error`, {}, body); },
};

const load = Module._load;
Module._load = (request, ...rest) => (request === './rapid-client.node' ? client : load(request, ...rest));
