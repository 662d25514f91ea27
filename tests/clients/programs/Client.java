// java.net.http.HttpClient as it comes: on a plain address it offers an upgrade to HTTP/2 with each request.
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;

public class Client {
    static final HttpClient HTTP = HttpClient.newHttpClient();

    static String send(String name, String url, String method, HttpRequest.BodyPublisher body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(url)).method(method, body);
        if (method.equals("POST")) {
            request.header("Content-Type", "application/json");
        }
        var answer = HTTP.send(request.build(), BodyHandlers.ofString());
        System.out.println(name + " " + answer.statusCode());
        return answer.body();
    }

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        Path folder = Path.of(arguments[1]);
        System.out.println("version " + System.getProperty("java.version"));
        byte[] row = Files.readAllBytes(folder.resolve("row.json"));
        byte[] rows = Files.readAllBytes(folder.resolve("rows.json"));
        send("get", url + "/livez", "GET", BodyPublishers.noBody());
        send("head", url + "/model", "HEAD", BodyPublishers.noBody());
        String made = send("predict", url + "/predict", "POST", BodyPublishers.ofByteArray(row));
        send("batch", url + "/predict/batch", "POST", BodyPublishers.ofByteArray(rows));
        send("chunked", url + "/predict/batch", "POST", BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(rows)));
        send("too-large", url + "/predict", "POST", BodyPublishers.ofByteArray(new byte[3_000_000]));
        String id = made.split("\"id\":\"")[1].substring(0, 36);
        String label = "{\"labels\":[{\"id\":\"" + id + "\",\"actual\":true}]}";
        send("feedback", url + "/feedback", "POST", BodyPublishers.ofString(label));
    }
}
