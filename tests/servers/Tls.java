// A TLS end before a server of the tests: what comes in over TLS goes on in the clear to a port of loopback, and back.
//
// Separate, because ClickHouse's engine as the tests have it listens for HTTP alone. Ends when standard input closes.
//
// usage: java Tls.java KEYSTORE PASSWORD PORT       prints "ready PORT" once it listens on loopback

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;

public class Tls {
    public static void main(String[] arguments) throws Exception {
        char[] password = arguments[1].toCharArray();
        int target = Integer.parseInt(arguments[2]);
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream file = new FileInputStream(arguments[0])) {
            keys.load(file, password);
        }
        KeyManagerFactory managers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        managers.init(keys, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        InetAddress loopback = InetAddress.getByName("127.0.0.1");
        SSLServerSocket server =
            (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0, 50, loopback);
        run(() -> {
            while (System.in.read() >= 0) {}
            System.exit(0);
        });
        System.out.println("ready " + server.getLocalPort());
        while (true) {
            Socket near = server.accept();
            run(() -> {
                try (near; Socket far = new Socket(loopback, target)) {
                    near.setTcpNoDelay(true);
                    far.setTcpNoDelay(true);
                    Thread back = run(() -> pump(far, near));
                    pump(near, far);
                    back.join();
                }
            });
        }
    }

    interface Work {
        void go() throws Exception;
    }

    static Thread run(Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.go();
            } catch (Exception ended) {
                // The other end went away, or trusts us not: a test looks at what it says.
            }
        });
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    static void pump(Socket from, Socket to) throws IOException {
        InputStream in = from.getInputStream();
        OutputStream out = to.getOutputStream();
        byte[] bytes = new byte[64 * 1024];
        for (int read; (read = in.read(bytes)) >= 0; ) {
            out.write(bytes, 0, read);
            out.flush();
        }
        to.shutdownOutput();
    }
}
