// SPDX-License-Identifier: Apache-2.0
// ports.js DEVICE: what the serialport package of Node can do with a port; a line "NAME: RESULT" for each.
const { SerialPort } = require('serialport');

const device = process.argv[2];
const say = (name, result) => console.log(`${name}: ${result}`);
// The result of a method that ends in a callback.
const done = (port, method, ...values) => new Promise((resolve) =>
    port[method](...values, (error, result) => resolve(error ? error.message.split(',')[0] : result || 'true')));

// Writes, and gives what comes back: as long, and so after the driver has had it.
const exchange = (port, text) => new Promise((resolve) => {
    let back = '';
    port.on('data', (data) => {
        back += data;
        if (back.length >= text.length) resolve(back);
    });
    port.write(text);
});

async function main() {
    const port = new SerialPort({ path: device, baudRate: 57600, stopBits: 2, autoOpen: false });
    say('open', await done(port, 'open'));
    say('read', await exchange(port, 'hello there'));
    say('drain', await done(port, 'drain'));
    say('set', await done(port, 'set', { dtr: false, rts: true }));
    const lines = await done(port, 'get');
    say('get', lines.cts === undefined ? lines : lines.cts);
    say('break', await done(port, 'set', { brk: true }));
    say('flush', await done(port, 'flush'));
    say('close', await done(port, 'close'));
    const parity = new SerialPort({ path: device, baudRate: 9600, dataBits: 7, parity: 'even', autoOpen: false });
    say('parity', await done(parity, 'open'));
    say('any-speed', await done(parity, 'update', { baudRate: 250000 }));
    await exchange(parity, 'again');
    await done(parity, 'close');
    say('list', await SerialPort.list().then((ports) => ports.some((each) => each.path === device), (error) => error.message));
}

// Its list begins a program of udev without looking whether it is there.
process.on('uncaughtException', (error) => say('list', error.message));
main();
