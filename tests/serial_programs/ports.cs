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
        port.ReadTimeout = 20000;
        var told = new ManualResetEvent(false);
        port.DataReceived += (sender, what) => told.Set();
        Try("list", () => Array.IndexOf(SerialPort.GetPortNames(), arguments[0]) >= 0);
        Try("open", () => { port.Open(); return port.IsOpen; });
        if (!port.IsOpen) return;
        Try("read", () =>
        {
            port.Write("hello there");
            var text = new StringBuilder();
            while (text.Length < 11) text.Append((char)port.ReadByte());
            return text;
        });
        Try("event", () => { port.Write("x"); return told.WaitOne(2000); });
        Try("speed", () => { port.BaudRate = 57600; return port.BaudRate; });
        Try("stop", () => { port.StopBits = StopBits.Two; return port.StopBits; });
        Try("parity", () => { port.Parity = Parity.Even; return port.Parity; });
        Try("cts", () => port.CtsHolding);
        Try("dtr", () => port.DtrEnable);
        Try("flush", () => { port.DiscardInBuffer(); port.DiscardOutBuffer(); return true; });
        Try("close", () => { port.Close(); return !port.IsOpen; });
    }
}
