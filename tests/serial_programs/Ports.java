// SPDX-License-Identifier: Apache-2.0
// Ports DEVICE LIBRARY: what jSSC can do with a port; a line "NAME: RESULT" for each.
import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jssc.SerialPort;
import jssc.SerialPortList;

public class Ports {
    interface Action {
        Object run() throws Exception;
    }

    static void attempt(String name, Action action) {
        try {
            System.out.println(name + ": " + action.run());
        } catch (Exception error) {
            System.out.println(name + ": " + error);
        }
        System.out.flush();
    }

    public static void main(String[] arguments) {
        System.load(arguments[1]);
        SerialPort port = new SerialPort(arguments[0]);
        StringBuilder received = new StringBuilder();
        CountDownLatch done = new CountDownLatch(1);
        attempt("list", () -> Arrays.asList(SerialPortList.getPortNames()).contains(arguments[0]));
        attempt("open", port::openPort);
        attempt("settings", () -> port.setParams(19200, SerialPort.DATABITS_8, SerialPort.STOPBITS_2, SerialPort.PARITY_NONE));
        attempt("write", () -> port.writeBytes("hello there".getBytes()));
        attempt("read", () -> new String(port.readBytes(11, 20000)));
        attempt("dtr", () -> port.setDTR(true));
        attempt("cts", port::isCTS);
        attempt("break", () -> port.sendBreak(10));
        attempt("flush", () -> port.purgePort(SerialPort.PURGE_RXCLEAR | SerialPort.PURGE_TXCLEAR));
        attempt("flow", () -> port.setFlowControlMode(SerialPort.FLOWCONTROL_RTSCTS_IN | SerialPort.FLOWCONTROL_RTSCTS_OUT));
        attempt("event", () -> {
            port.addEventListener(event -> {
                try {
                    received.append(port.readString());
                } catch (Exception error) {
                    received.append(error);
                }
                if (received.toString().endsWith("again")) done.countDown();
            }, SerialPort.MASK_RXCHAR);
            port.writeBytes("and again".getBytes());
            return done.await(20, TimeUnit.SECONDS) ? received.toString() : "nothing came";
        });
        attempt("close", port::closePort);
        System.exit(0);
    }
}
