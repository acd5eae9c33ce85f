package org.example;

import com.google.gson.Gson;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Greets in JSON on port PORT. */
public final class App {
    private App() {}

    public static void main(String[] arguments) throws IOException {
        var greeting = Map.of("greeting", System.getenv("GREETING") + " from java");
        byte[] body = new Gson().toJson(greeting).getBytes(StandardCharsets.UTF_8);
        var port = Integer.parseInt(System.getenv("PORT"));
        var server = HttpServer.create(new InetSocketAddress(port), 0);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }
}
