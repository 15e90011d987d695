// SPDX-License-Identifier: Apache-2.0
// ports.exe DEVICE: what System.IO.Ports can do with a port; a line "NAME: RESULT" for each.
using System;
using System.IO.Ports;
using System.Text;
using System.Threading;

class Ports
{
    static void Try(string name, Func<object> action)
    {
        try
        {
            Console.WriteLine(name + ": " + action());
        }
        catch (Exception error)
        {
            Console.WriteLine(name + ": " + error.GetType().Name + ", " + error.Message);
        }
        Console.Out.Flush();
    }

    static void Main(string[] arguments)
    {
        var port = new SerialPort(arguments[0], 19200, Parity.None, 8, StopBits.One);
        var received = new StringBuilder();
        var done = new ManualResetEvent(false);
        port.DataReceived += (sender, what) =>
        {
            received.Append(port.ReadExisting());
            if (received.ToString().EndsWith("there")) done.Set();
        };
        Try("list", () => Array.IndexOf(SerialPort.GetPortNames(), arguments[0]) >= 0);
        Try("open", () => { port.Open(); return port.IsOpen; });
        if (!port.IsOpen) return;
        Try("event", () => { port.Write("hello there"); return done.WaitOne(20000) ? received.ToString() : "nothing came"; });
        Try("speed", () => { port.BaudRate = 57600; return port.BaudRate; });
        Try("stop", () => { port.StopBits = StopBits.Two; return port.StopBits; });
        Try("parity", () => { port.Parity = Parity.Even; return port.Parity; });
        Try("cts", () => port.CtsHolding);
        Try("flush", () => { port.DiscardInBuffer(); port.DiscardOutBuffer(); return true; });
        Try("close", () => { port.Close(); return !port.IsOpen; });
    }
}
