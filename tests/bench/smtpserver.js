// node smtpserver.js sink|durable PORT FOLDER: the npm package smtp-server, with a file for each message, synced.
const { SMTPServer } = require('smtp-server');
const fs = require('fs');
const path = require('path');

const [mode, port, folder] = process.argv.slice(2);
const spool = path.join(folder, 'spool');
fs.mkdirSync(spool, { recursive: true });
const directory = fs.openSync(spool, 'r');
let count = 0;

function store(stream, done) {
  const name = path.join(spool, 'm' + count++);
  const chunks = [];
  stream.on('data', (chunk) => chunks.push(chunk));
  stream.on('end', () => fs.open(name + '.t', 'wx', (error, file) => {
    if (error) return done(error);
    fs.writev(file, chunks, (error) => {
      if (error) return done(error);
      fs.fsync(file, (error) => {
        if (error) return done(error);
        fs.close(file, () => fs.rename(name + '.t', name,
          (error) => error ? done(error) : fs.fsync(directory, done)));
      });
    });
  }));
}

function drop(stream, done) {
  stream.on('data', () => {});
  stream.on('end', done);
}

const server = new SMTPServer({
  authOptional: true,
  disableReverseLookup: true,
  size: 50 << 20,
  logger: false,
  maxClients: 100000,
  disabledCommands: ['AUTH', 'STARTTLS'],
  banner: 'bench',
  onData: (stream, session, done) => mode === 'sink' ? drop(stream, done) : store(stream, done),
});
server.on('error', () => {});
server.listen({ port: +port, host: '127.0.0.1', backlog: 1024 });
process.on('SIGTERM', () => process.exit(0));
